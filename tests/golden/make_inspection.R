# Makes inspection.json from ../data/multilevel/lq2002.csv: run in tests/golden as `Rscript make_inspection.R`.
# Two groups of companies, in place of schools, compared by their means: cluster-robust regression (clubSandwich), tests
# of equivalence by the noncentral t distribution, Bayes factors (BayesFactor), Hotelling's T2 (manova), power
# (power.t.test), Kruskal-Wallis.
suppressPackageStartupMessages({library(clubSandwich); library(BayesFactor); library(jsonlite)})

h <- read.csv("../data/multilevel/lq2002.csv")
schools <- unique(h$COMPID)[1:40]
h <- h[h$COMPID %in% schools, ]
h$school <- factor(h$COMPID, levels = schools)
# The file has no group of companies. Kind and phase go by the place in it: enough to have groups that cross.
k <- seq_along(schools)
kind <- ifelse(k %% 7 %in% c(1, 4), 1, 0)
phase <- ifelse(k %% 5 < 2, "a", ifelse(k %% 5 == 2, "b", "c"))
y <- sapply(c("LEAD01", "LEAD02", "LEAD05"), function(v) tapply(h[[v]], h$school, mean))
# To give the groups a difference, one gets some added.
y[kind == 1, 1] <- y[kind == 1, 1] + 0.15
y[kind == 1, 2] <- y[kind == 1, 2] - 0.1
n <- as.numeric(table(h$school))
weight <- 1 / (0.15 + 1.1 / n)

of_model <- function(m, inverse = FALSE) {
  t <- coef_test(m, vcov = "CR2", cluster = k, test = "Satterthwaite", inverse_var = inverse)
  at <- which(rownames(t) == "kind" | names(coef(m)) == "kind")
  list(beta = unname(coef(m)[["kind"]]), se = t$SE[at], df = t$df_Satt[at], p = t$p_Satt[at])
}
plain <- lm(y[, "LEAD01"] ~ kind)
adjusted <- lm(y[, "LEAD01"] ~ kind + phase)
weighted <- lm(y[, "LEAD01"] ~ kind + phase, weights = weight)
effects <- list(unadjusted = of_model(plain), phase = of_model(adjusted), weighted = of_model(weighted, TRUE))

tost <- function(m, bound) {
  t <- summary(m)$coefficients["kind", "t value"]
  size <- 1 / summary(m)$cov.unscaled["kind", "kind"]
  df <- m$df.residual
  shift <- bound * sqrt(size)
  list(t = t, df = df, size = size,
       p_equivalence = max(pt(t, df, -shift, lower.tail = FALSE), pt(t, df, shift)))
}
equivalence <- list(unadjusted = tost(plain, 0.5), phase = tost(adjusted, 0.5))
bf <- sapply(c(narrow = 0.5, medium = sqrt(2) / 2, wide = 1), function(r)
  1 / exp(ttestBF(y[kind == 1, "LEAD01"], y[kind == 0, "LEAD01"], rscale = r)@bayesFactor$bf))
strong <- 1 / exp(ttestBF(y[kind == 1, "LEAD01"] + 0.4, y[kind == 0, "LEAD01"], rscale = sqrt(2) / 2)@bayesFactor$bf)

hotelling <- function(m) {
  s <- summary(m, test = "Hotelling-Lawley")$stats["kind", ]
  list(f = s[["approx F"]], df1 = s[["num Df"]], df2 = s[["den Df"]], p = s[["Pr(>F)"]])
}
multivariate <- list(unadjusted = hotelling(manova(y ~ kind)), phase = hotelling(manova(y ~ phase + kind)))

power <- sapply(c(0.2, 0.3, 0.5, 0.8, 1), function(d) {
  df <- 12 + 28 - 2; shift <- d / sqrt(1 / 12 + 1 / 28); critical <- qt(0.975, df)
  pt(critical, df, shift, lower.tail = FALSE) + pt(-critical, df, shift)
})
equal <- power.t.test(n = 20, delta = 0.5, sd = 1, strict = TRUE)$power
kw <- kruskal.test(round(y[, "LEAD01"]), phase)
out <- list(
  meta = list(r = R.version.string, clubSandwich = as.character(packageVersion("clubSandwich")),
              BayesFactor = as.character(packageVersion("BayesFactor"))),
  schools = schools, kind = kind, phase = phase, n = n, y = lapply(as.data.frame(y), as.numeric), weight = weight,
  effects = effects, equivalence = equivalence, bf01 = as.list(bf), bf01_far = strong, multivariate = multivariate,
  power = power, power_equal = equal, kruskal = list(statistic = kw$statistic[[1]], p = kw$p.value))
write(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE), "inspection.json")
