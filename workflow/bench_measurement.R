# Times psych and lavaan on one set of answers: Rscript bench_measurement.R <answers.csv> <items.csv> <step,step,…>
# answers.csv has the items in the direction of their dimension and `gender`; items.csv has `item` and `dimension`.
# A line for each step: its name and the best time in seconds, of three runs where the first took less than 5 s. Then
# the versions. The two largest genders are the groups.

suppressPackageStartupMessages({
  library(psych)
  library(lavaan)
})
given <- commandArgs(TRUE)
answers <- read.csv(given[1])
items <- read.csv(given[2], stringsAsFactors = FALSE)
x <- answers[, items$item]
largest <- names(sort(-table(answers$gender)))[1:2]
two <- answers[answers$gender %in% largest, ]
scales <- split(items$item, factor(items$dimension, unique(items$dimension)))
model <- paste0("f_", names(scales), " =~ ", sapply(scales, paste, collapse = " + "), collapse = "\n")

levels_of <- function(estimator) {
  for (equal in list("", "loadings", c("loadings", "intercepts"))) {
    cfa(model, two, group = "gender", estimator = estimator, group.equal = equal)
  }
}
steps <- list(
  alphas = function() for (own in scales) alpha(x[, own], check.keys = FALSE),
  parallel = function() fa.parallel(x, n.iter = 100, fa = "both", plot = FALSE),
  polychoric = function() polychoric(x, correct = 0),
  cfa_ml = function() cfa(model, x),
  cfa_mlr = function() cfa(model, x, estimator = "MLR"),
  cfa_wlsmv = function() cfa(model, x, ordered = items$item, estimator = "WLSMV"),
  cfa_fiml = function() cfa(model, x, missing = "fiml"),
  invariance_ml = function() levels_of("ML"),
  invariance_mlr = function() levels_of("MLR"),
  invariance_wlsmv = function() {
    for (equal in list("", c("thresholds", "loadings"))) {
      cfa(model, two,
        group = "gender", ordered = items$item, estimator = "WLSMV", parameterization = "theta", group.equal = equal
      )
    }
  }
)
seconds <- function(step) {
  system.time(capture.output(suppressMessages(suppressWarnings(step()))))[["elapsed"]]
}
for (name in strsplit(given[3], ",")[[1]]) {
  best <- seconds(steps[[name]])
  if (best < 5) best <- min(best, seconds(steps[[name]]), seconds(steps[[name]]))
  cat(name, sprintf("%.4f", best), "\n")
}
versions <- sapply(c("psych", "lavaan"), function(p) paste(p, packageVersion(p)))
blas <- basename(normalizePath(extSoftVersion()[["BLAS"]]))
cat("versions", paste(c(paste("R", getRversion()), versions, paste("BLAS", blas)), collapse = ", "), "\n")
