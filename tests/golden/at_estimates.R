# What lavaan says at given estimates, for tests/end_to_end/test_against_r.py: Rscript at_estimates.R <folder> <set> reads the answers <set>.csv
# and <set>_ours.json (scales; values by parameter of ML and of FIML), and writes <set>_there.json: gradients and robust errors at those
# values, without a step, and the gradient where lavaan itself stops.
suppressPackageStartupMessages({library(lavaan); library(jsonlite)})
given <- commandArgs(TRUE)
read <- function(end) file.path(given[1], paste0(given[2], end))
ours <- fromJSON(read("_ours.json"))
items <- unlist(ours$scales)
d <- read.csv(read(".csv"))[, items]
model <- paste(names(ours$scales), "=~", sapply(ours$scales, paste, collapse = " + "), collapse = "\n")
name <- function(lhs, op, rhs) ifelse(op == "~~", paste0(pmin(lhs, rhs), op, pmax(lhs, rhs)), paste0(lhs, op, rhs))
there <- function(values, ...) {
  own <- strsplit(gsub("(=~|~~|~1)", " \\1 ", names(values)), " +")
  keys <- sapply(own, function(part) name(part[1], sub("1$", "1", part[2]), if (length(part) > 2) part[3] else ""))
  stopped <- cfa(model, estimator = "MLR", ...)
  table <- parTable(stopped)
  found <- match(name(table$lhs, table$op, table$rhs), keys)
  table$start <- table$ustart <- ifelse(table$free > 0, unlist(values)[found], table$ustart)
  table$est <- table$se <- NULL
  at <- cfa(table, estimator = "MLR", start = table, optim.method = "none", optim.force.converged = TRUE, ...)
  free <- parTable(at)
  se <- setNames(as.list(free$se[free$free > 0]), names(values)[found[free$free > 0]])
  list(gradient = max(abs(lavTech(at, "gradient"))), stopped = max(abs(lavTech(stopped, "gradient"))), se = se)
}
whole <- d[complete.cases(d), ]
out <- list(ML = there(ours$ML, data = whole))
if (anyNA(d)) out$FIML <- there(ours$FIML, data = d, missing = "ml")
write(toJSON(out, digits = 14, auto_unbox = TRUE), read("_there.json"))
