# Makes mixed.json: mixed models with covariates by lme4, Satterthwaite's tests by pbkrtest, CR2 by clubSandwich,
# marginal means by emmeans, on the Exam data (mlmRev) beside this folder and a small made-up sample kept here too.
# Usage: Rscript make_mixed.R <folder for mixed.json and mixed_sample.csv>
suppressMessages({library(lme4); library(pbkrtest); library(clubSandwich); library(emmeans); library(jsonlite)})
args <- commandArgs(trailingOnly = TRUE); out <- if (length(args)) args[1] else "."

set.seed(20261125)
schools <- 24
size <- sample(6:60, schools, replace = TRUE)
school <- rep(seq_len(schools), size)
upper <- rep(seq_len(schools) > 11, size)
stage <- ifelse(upper, sample(c("KS3", "KS4"), length(school), TRUE), sample(c("KS1", "KS2"), length(school), TRUE))
stage[school == 24] <- sample(c("KS2", "KS3"), sum(school == 24), TRUE)
gender <- sample(c("boys", "girls", "other"), length(school), TRUE, c(.47, .47, .06))
u <- rnorm(schools, 0, .3)
y <- 3 - .25 * (as.integer(factor(stage)) - 1) - .1 * (gender == "girls") - .2 * (gender == "other") + u[school] +
  .1 * (gender == "girls") * (stage == "KS3") + rnorm(length(school), 0, .8)
d <- data.frame(school, stage, gender, y = round(pmin(5, pmax(1, y)) * 4) / 4)
write.csv(d, file.path(out, "mixed_sample.csv"), row.names = FALSE, quote = FALSE)
d <- transform(d, stage = factor(stage), gender = factor(gender))

exam <- read.csv(file.path(out, "../data/multilevel/exam.csv"))
exam <- transform(exam, sex = factor(sex), band = factor(cut(standLRT, c(-Inf, -.6, .6, Inf), labels = c("low", "mid", "top"))))

tight <- lmerControl(optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-12))
describe <- function(formula, rows, terms) {
  # The packages below look for the data where the formula was made: in the global environment.
  assign("rows", rows, globalenv())
  m <- lmer(formula, rows, control = tight)
  ml <- lmer(formula, rows, REML = FALSE, control = tight)
  ols <- lm(nobars(formula), rows)
  b <- fixef(m); p <- length(b)
  sat1 <- lapply(seq_len(p), function(k) SATmodcomp(m, matrix(as.numeric(seq_len(p) == k), 1))$test)
  joint <- function(at) {
    L <- diag(p)[at, , drop = FALSE]
    s <- SATmodcomp(m, L)$test
    cr <- Wald_test(m, L, vcov = vcovCR(m, type = "CR2"), test = "HTZ")
    co <- Wald_test(ols, L, vcov = vcovCR(ols, cluster = rows$school, type = "CR2"), test = "HTZ")
    list(columns = at, sat = list(F = s$statistic, df2 = s$ddf, p = s$p.value),
      cr2 = list(F = cr$Fstat, df2 = cr$df_denom, p = cr$p_val),
      ols_cr2 = list(F = co$Fstat, df2 = co$df_denom, p = co$p_val))
  }
  v <- as.data.frame(VarCorr(m)); vml <- as.data.frame(VarCorr(ml))
  fe <- as.numeric(getME(m, "X") %*% b)
  cr <- vcovCR(m, type = "CR2"); co <- vcovCR(ols, cluster = rows$school, type = "CR2")
  tc <- coef_test(m, vcov = cr, test = "Satterthwaite"); to <- coef_test(ols, vcov = co, test = "Satterthwaite")
  re <- ranef(m, condVar = TRUE)[[1]]
  ci <- suppressMessages(confint(ml, parm = c(".sig01", ".sigma"), method = "profile"))
  list(names = names(b), beta = unname(b), vcov = as.matrix(unname(vcov(m, full = FALSE))), tau2 = v$vcov[1], sigma2 = v$vcov[2],
    loglik = as.numeric(logLik(m)), ml = list(tau2 = vml$vcov[1], sigma2 = vml$vcov[2], loglik = as.numeric(logLik(ml)), sd_ci = unname(ci)),
    df = sapply(sat1, function(s) s$ddf), blups = re[, 1], condvar = as.numeric(attr(re, "postVar")),
    r2 = c(var(fe), var(fe) + v$vcov[1]) / (var(fe) + sum(v$vcov)),
    cr2 = list(vcov = unname(as.matrix(cr)), df = tc$df_Satt, p = tc$p_Satt),
    ols = list(beta = unname(coef(ols)), vcov = unname(vcov(ols)), cr2 = unname(as.matrix(co)), df = to$df_Satt),
    joint = lapply(terms, joint))
}
grid <- function(m, spec) {
  e <- emmeans(m, spec, lmer.df = "asymptotic", weights = "equal")
  s <- as.data.frame(e)
  list(levels = as.character(s[[1]]), mean = s$emmean, se = s$SE)
}
main <- lmer(y ~ stage + gender + (1 | school), d, control = tight)
result <- list(
  meta = list(R = R.version.string, packages = sapply(c("lme4", "pbkrtest", "clubSandwich", "emmeans"), function(p) as.character(packageVersion(p)))),
  sample_main = describe(y ~ stage + gender + (1 | school), d, list(2:4, 5:6)),
  sample_interaction = describe(y ~ stage * gender + (1 | school), d, list(7:12)),
  exam = describe(normexam ~ band * sex + (1 | school), exam, list(2:3, 4, 5:6)),
  emmeans = list(stage = grid(main, "stage"), gender = grid(main, "gender"),
    steps = as.data.frame(contrast(emmeans(main, "stage", lmer.df = "asymptotic"), "consec"))[, c("estimate", "SE")],
    pairs = as.data.frame(pairs(emmeans(main, "gender", lmer.df = "asymptotic"), adjust = "none"))[, c("estimate", "SE")])
)
write(toJSON(result, digits = I(15), auto_unbox = TRUE, pretty = TRUE), file.path(out, "mixed.json"))
