# Factor analyses of nine tests of Holzinger and Swineford (1939; lavaan). Rscript make_holzinger.R, in this folder.
suppressMessages({library(psych); library(GPArotation); library(lavaan); library(jsonlite)})
mat <- function(x) {x <- unclass(x); list(rows=nrow(x), values=lapply(seq_len(nrow(x)), function(i) as.numeric(x[i,])))}
R <- cor(HolzingerSwineford1939[, paste0("x", 1:9)]); n <- 301
f <- fa(R, 3, n.obs=n, rotate="none"); A <- unclass(f$loadings)
g <- function(o) list(loadings=mat(o$loadings), Phi=if (is.null(o$Phi)) NULL else mat(o$Phi), f=min(o$Table[,2]), converged=o$convergence)
T0 <- matrix(0, 9, 3); T0[1:3,1] <- .7; T0[4:6,2] <- .7; T0[7:9,3] <- .7
W <- 1*(T0 == 0); Tn <- T0; Tn[T0 != 0] <- NA
set.seed(1)
ml <- factanal(covmat=R, factors=3, n.obs=n, rotation="none", control=list(nstart=5, opt=list(maxit=5000)))
pa <- fa(R, 3, n.obs=n, fm="pa", rotate="none")
om <- omega(R, 3, plot=FALSE)
sl2 <- schmid(R, 2, two.ok=TRUE)
# Hull by CAF: 1 - KMO of minres residuals with ones in the diagonal
caf <- sapply(0:4, function(k) {res <- R; if (k > 0) {a <- unclass(fa(R, k, n.obs=n, rotate="none")$loadings); res <- R - a %*% t(a)}; diag(res) <- 1; 1 - KMO(res)$MSA})
# Empirical Kaiser by hand, a loop over eigenvalues as the article writes it
e <- eigen(R)$values; p <- 9; ekc <- numeric(p)
for (j in 1:p) ekc[j] <- max((p - sum(e[seq_len(j-1)]))/(p - j + 1) * (1 + sqrt(p/n))^2, 1)
best <- NULL; set.seed(2)
for (i in 1:12) {o <- bifactorT(unclass(fa(R, 4, n.obs=n, rotate="none")$loadings), Tmat=Random.Start(4), eps=1e-5, maxit=800); v <- min(o$Table[,2]); if (is.null(best) || v < best$v) best <- list(v=v, o=o)}
out <- list(cor=mat(R), n=n, unrotated=mat(A), uniquenesses=as.numeric(f$uniquenesses),
  quartimin=g(oblimin(A, eps=1e-6, maxit=1500)), quartimin_kaiser=g(oblimin(A, normalize=TRUE, eps=1e-6, maxit=1500)),
  oblimin_gamma=g(oblimin(A, gam=-1, eps=1e-6, maxit=1500)),
  varimax_gpa=g(Varimax(A, eps=1e-6, maxit=1500)), varimax=mat(varimax(A, eps=1e-14)$loadings),
  target_oblique=g(targetQ(A, Target=T0, eps=1e-6, maxit=1500)), target_orthogonal=g(targetT(A, Target=T0, eps=1e-6, maxit=1500)),
  partial_oblique=g(pstQ(A, W=W, Target=T0, eps=1e-6, maxit=1500)), partial_orthogonal=g(pstT(A, W=W, Target=T0, eps=1e-6, maxit=1500)),
  ml=list(uniquenesses=as.numeric(ml$uniquenesses), loadings=mat(ml$loadings), objective=ml$criteria[[1]]),
  pa=mat(pa$loadings), bifactor=list(f=best$v, loadings=mat(best$o$loadings)),
  omega=list(omega_h=om$omega_h, omega_t=om$omega.tot, ECV=om$ECV, sl=mat(om$schmid$sl)), schmid2=mat(sl2$sl[,1:3]), 
  caf=caf, ekc=ekc, kmo=KMO(R)$MSA, map=vss(R, 8, n.obs=n, plot=FALSE)$map,
  meta=list(R=R.version.string, psych=as.character(packageVersion("psych")), GPArotation=as.character(packageVersion("GPArotation")), lavaan=as.character(packageVersion("lavaan"))))
write(toJSON(out, digits=NA, auto_unbox=TRUE, pretty=TRUE), "holzinger_efa.json")
