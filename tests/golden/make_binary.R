# Makes binary_invariance.json: four levels of ordinal invariance of two scales of bfi.csv by gender, one answered on six points and one cut
# into two, by lavaan's WLSMV (theta parameterisation). Models are written out: semTools lets residual variances of two-point items
# differ at its last level, which then has more parameters than the one before. Run in tests/golden.
suppressPackageStartupMessages({library(lavaan); library(jsonlite)})
bfi <- read.csv("../data/bfi.csv")
two <- paste0("A", 1:5); six <- paste0("C", 1:5)
d <- na.omit(bfi[, c(two, six, "gender")])
d[, c("A1", "C4", "C5")] <- 7 - d[, c("A1", "C4", "C5")]
d[, two] <- lapply(d[, two], function(x) as.integer(x > 4))
pair <- function(first, second) sprintf("c(%s, %s)", first, second)
syntax <- function(level) {
  at <- match(level, c("configural", "thresholds", "metric", "scalar"))
  lines <- c()
  for (f in c("A", "C")) for (i in paste0(f, 1:5)) {
    own <- if (at >= 3) pair(paste0("l", i), paste0("l", i)) else pair("NA", "NA")
    lines <- c(lines, sprintf("%s =~ %s*%s%s", f, pair("NA", "NA"), i, if (at >= 3) sprintf(" + %s*%s", own, i) else ""))
    points <- if (f == "A") 1 else 5
    equal <- if (f == "A") at == 4 else at >= 2
    if (equal) for (k in seq_len(points)) lines <- c(lines, sprintf("%s | %s*t%d", i, pair(paste0("t", i, k), paste0("t", i, k)), k))
    free <- f == "C" && at >= 2
    lines <- c(lines, sprintf("%s ~~ %s*%s", i, pair(1, if (free) "NA" else 1), i))
    lines <- c(lines, sprintf("%s ~ %s*1", i, pair(0, if (free && at < 4) "NA" else 0)))
  }
  for (f in c("A", "C")) {
    lines <- c(lines, sprintf("%s ~~ %s*%s", f, pair(1, if (at >= 3) "NA" else 1), f))
    lines <- c(lines, sprintf("%s ~ %s*1", f, pair(0, if (at == 4) "NA" else 0)))
  }
  paste(lines, collapse = "\n")
}
measures <- c("chisq", "df", "chisq.scaled", "cfi.scaled", "tli.scaled", "rmsea.scaled", "srmr")
levels <- c("configural", "thresholds", "metric", "scalar")
fits <- lapply(setNames(levels, levels), function(level) {
  cfa(syntax(level), d, ordered = c(two, six), group = "gender", group.label = c("male", "female"),
      parameterization = "theta", estimator = "WLSMV")
})
changes <- as.data.frame(do.call(lavTestLRT, unname(fits)))
means <- parameterEstimates(fits$scalar)
out <- list(meta = list(R = R.version.string, lavaan = as.character(packageVersion("lavaan"))),
            levels = lapply(fits, function(f) as.list(fitMeasures(f)[measures])),
            changes = list(chi_square = changes[["Chisq diff"]][-1], df = changes[["Df diff"]][-1]),
            means = means[means$op == "~1" & means$lhs %in% c("A", "C") & means$group == 2, c("lhs", "est", "se")])
writeLines(toJSON(out, digits = 12, auto_unbox = TRUE, na = "null"), "binary_invariance.json")
