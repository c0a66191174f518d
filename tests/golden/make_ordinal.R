# Makes ordinal.json: lavaan's and polycor's polychoric statistics, and one factor by WLSMV, of items with different numbers of points, answers
# missing (bfi.csv), and of two-point items (psychTools::ability). Run in tests/golden.
suppressPackageStartupMessages({library(lavaan); library(polycor); library(psychTools); library(jsonlite)})

measures <- c("chisq", "df", "chisq.scaled", "chisq.scaling.factor", "cfi.scaled", "tli.scaled", "rmsea.scaled",
              "rmsea.ci.lower.scaled", "rmsea.ci.upper.scaled", "srmr")
statistics <- function(d, missing) {
  model <- paste("f =~", paste(names(d), collapse = " + "))
  fit <- cfa(model, d, ordered = names(d), estimator = "WLSMV", missing = missing)
  gamma <- lavInspect(fit, "gamma")
  list(missing = missing, n = lavInspect(fit, "nobs"), r = unclass(unname(lavInspect(fit, "sampstat")$cov)),
       thresholds = as.numeric(lavInspect(fit, "sampstat")$th), gamma = unclass(unname(gamma)),
       parameters = parameterEstimates(fit, standardized = TRUE)[, c("lhs", "op", "rhs", "est", "se", "std.all")],
       fit = as.list(fitMeasures(fit)[measures]))
}
pairs <- function(d) {
  at <- combn(names(d), 2)
  lapply(seq_len(ncol(at)), function(k) {
    x <- na.omit(d[, at[, k]])
    list(items = at[, k], table = unclass(unname(table(x[[1]], x[[2]]))),
         two_step = polychor(x[[1]], x[[2]], std.err = FALSE, ML = FALSE))
  })
}

bfi <- read.csv("../data/bfi.csv")[, c("A1", "A2", "C1", "E3", "N1")]
bfi$E3 <- ceiling(bfi$E3 / 2)
bfi$N1 <- as.integer(bfi$N1 > 3)
tests <- as.data.frame(ability)[, c("reason.4", "letter.7", "matrix.45", "rotate.3", "rotate.8")]
out <- list(meta = list(R = R.version.string, lavaan = as.character(packageVersion("lavaan")),
                        polycor = as.character(packageVersion("polycor"))),
            bfi = list(listwise = statistics(bfi, "listwise"), pairwise = statistics(bfi, "pairwise"), pairs = pairs(bfi)),
            ability = list(answers = unname(as.matrix(tests)), pairwise = statistics(tests, "pairwise"), pairs = pairs(tests)))
writeLines(toJSON(out, digits = 12, auto_unbox = TRUE, na = "null"), "ordinal.json")
