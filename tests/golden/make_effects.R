# Makes effects.json from ../data: run in tests/golden as `Rscript make_effects.R`.
# Effects of bfi's scales (effectsize), effects of two groups of schools in a balanced part of High School and Beyond
# (variance components by lme4, variances by Hedges 2007), CR2 (clubSandwich), and what order-restricted tests need (mvtnorm, isoreg).
suppressPackageStartupMessages({library(effectsize); library(lme4); library(mvtnorm); library(clubSandwich); library(jsonlite)})

bfi <- read.csv("../data/bfi.csv")
scales <- list(agree = c("-A1", "A2", "A3", "A4", "A5"), neuroticism = c("N1", "N2", "N3", "N4", "N5"))
score <- function(items) {
  x <- bfi[, sub("-", "", items)]
  for (i in which(startsWith(items, "-"))) x[, i] <- 7 - x[, i]
  rowMeans(x, na.rm = TRUE)
}
of_pair <- function(x, y) {
  x <- x[!is.na(x)]; y <- y[!is.na(y)]
  g <- hedges_g(x, y); p <- p_superiority(x, y, parametric = FALSE); d <- cliffs_delta(x, y)
  list(n = c(length(x), length(y)), hedges_g = g$Hedges_g, p_superiority = p[[1]], cliffs_delta = d$r_rank_biserial,
       p_ci = c(p$CI_low, p$CI_high))
}
effects <- lapply(scales, function(items) {
  s <- score(items)
  list(gender = of_pair(s[bfi$gender %in% "female"], s[bfi$gender %in% "male"]),
       education = of_pair(s[bfi$education %in% "HS"], s[bfi$education %in% "grad degree"]))
})

h <- read.csv("../data/multilevel/hsb82.csv")
n <- 25
h <- h[h$school %in% names(which(table(h$school) >= n)), ]
h <- do.call(rbind, lapply(split(h, h$school), head, n))
# The file has no group of schools, so every third school is one group and the others the other; to give them a
# difference, the first gets one added.
h$kind <- ifelse(match(h$school, unique(h$school)) %% 3 == 1, "a", "b")
h$mAch <- h$mAch + ifelse(h$kind == "a", 2, 0)
model <- lmer(mAch ~ kind + (1 | school), h, control = lmerControl(optCtrl = list(ftol_abs = 1e-14, xtol_abs = 1e-12)))
v <- as.data.frame(VarCorr(model))$vcov
means <- tapply(h$mAch, h$kind, mean)
m <- tapply(h$school, h$kind, function(s) length(unique(s)))
delta <- means[["a"]] - means[["b"]]
M <- sum(m); N <- n * M; rho <- v[1] / sum(v); deff <- 1 + (n - 1) * rho
d <- c(total = delta / sqrt(sum(v)), within = delta / sqrt(v[2]), between = delta / sqrt(v[1]))
size <- N / prod(n * m)
variance <- c(
  total = size * deff + d[["total"]]^2 *
    ((N - 2) * (1 - rho)^2 + n * (N - 2 * n) * rho^2 + 2 * (N - 2 * n) * rho * (1 - rho)) /
    (2 * (N - 2) * ((N - 2) - 2 * (n - 1) * rho)),
  within = size * deff / (1 - rho) + d[["within"]]^2 / (2 * (N - M)),
  between = M / prod(m) * deff / (n * rho) + deff * d[["between"]]^2 / (2 * n * rho * (M - 2)))
pooled <- sqrt(sum(tapply(h$mAch, h$kind, function(x) sum((x - mean(x))^2))) / (N - 2))
hedges <- list(n = n, schools = as.list(m), components = v, difference = delta, d = as.list(d),
  variance = as.list(variance), d_total_from_pooled = delta / pooled * sqrt(1 - 2 * (n - 1) * rho / (N - 2)))

# Two groups that cross schools: every third student, and the others.
every <- read.csv("../data/multilevel/hsb82.csv")
every$third <- factor(ifelse(seq_len(nrow(every)) %% 3 == 0, "a", "b"))
cr2 <- unclass(vcovCR(lm(mAch ~ 0 + third, every), cluster = every$school, type = "CR2"))

# Level probabilities of the chi-bar-square distribution: Kudo (1963), faces of the orthant by mvtnorm.
orthant <- function(R) if (nrow(R) == 0) 1 else if (nrow(R) == 1) .5 else
  pmvnorm(rep(0, nrow(R)), rep(Inf, nrow(R)), sigma = R, algorithm = Miwa(steps = 4096))[1]
weights <- function(V) {
  k <- nrow(V); w <- numeric(k + 1)
  for (code in 0:(2^k - 1)) {
    on <- as.logical(bitwAnd(code, 2^(0:(k - 1))))
    inner <- V[on, on, drop = FALSE]
    outer <- V[!on, !on, drop = FALSE]
    if (!all(on)) {
      outer <- solve(outer)
      inner <- inner - V[on, !on, drop = FALSE] %*% outer %*% V[!on, on, drop = FALSE]
    }
    w[sum(on) + 1] <- w[sum(on) + 1] + orthant(inner) * orthant(outer)
  }
  w
}
set.seed(3)
cones <- lapply(2:4, function(k) {
  V <- crossprod(matrix(rnorm(3 * k * k), 3 * k)) / 10
  list(V = V, weights = weights(V), orthant = orthant(V))
})
y <- c(4.1, 4.3, 3.9, 3.95, 3.2); w <- c(10, 30, 20, 25, 15)
# isoreg has no weights; each mean stands as often as it weighs.
falls <- -isoreg(rep(seq_along(y), w), -rep(y, w))$yf
isotonic <- list(mean = y, weight = w, falls = tapply(falls, rep(seq_along(y), w), mean))

writeLines(toJSON(list(
  meta = list(R = R.version.string, packages = sapply(c("effectsize", "lme4", "mvtnorm", "clubSandwich", "jsonlite"), function(p) as.character(packageVersion(p)))),
  bfi = effects, hedges_2007 = hedges, cr2 = matrix(as.numeric(cr2), 2), cones = cones, isotonic = isotonic),
  digits = NA, auto_unbox = TRUE, pretty = TRUE), "effects.json")
