# Golden values of factor models of answers with gaps: robust fit indices of lavaan (Zhang & Savalei 2023), and answers of which
# a third is missing by plan, so that nobody answered every item. Run from this folder; it writes missing.json.
# Data: syn2k.csv (simulated by this project); groups by row number (odd, even); in the planned design row r (from 0) was not
# asked the items whose place (from 0) leaves the remainder r mod 3 when divided by 3.
suppressPackageStartupMessages({library(lavaan);library(jsonlite)})
d <- read.csv("syn2k.csv", na.strings = c("NA", ""))
d$half <- paste0("h", (seq_len(nrow(d)) - 1) %% 2)
general <- "general =~ d1_1+d1_2+d1_3+d1_4+d2_1+d2_2+d2_3+d2_4"
own <- c("cfi.robust", "tli.robust", "rmsea.robust", "rmsea.ci.lower.robust", "rmsea.ci.upper.robust", "rmsea.pvalue.robust")
indices <- function(...) as.list(fitMeasures(cfa(general, d, missing = "ml", ...), own))
r <- list(meta = list(R = R.version.string, packages = list(lavaan = as.character(packageVersion("lavaan")))))
r$indices <- list(
  normal = indices(),
  by_row = indices(estimator = "MLR"),
  by_school = indices(estimator = "MLR", cluster = "school"),
  groups = indices(estimator = "MLR", group = "half", group.equal = "loadings"),
  groups_normal = indices(group = "half", group.equal = "loadings")
)
items <- unlist(lapply(1:3, function(f) paste0("d", f, "_", 1:4)))
planned <- d[, c("school", items)]
for (k in seq_along(items)) planned[(seq_len(nrow(d)) - 1) %% 3 == (k - 1) %% 3, items[k]] <- NA
stopifnot(!any(complete.cases(planned[, items])))
model <- paste(sapply(1:3, function(f) paste0("Fd", f, " =~ ", paste0("d", f, "_", 1:4, collapse = " + "))), collapse = "\n")
f <- cfa(model, planned, missing = "ml", estimator = "MLR", em.h1.tol = 1e-8, em.h1.iter.max = 5000L)
p <- parameterEstimates(f)
r$planned <- list(
  n = sum(lavInspect(f, "nobs")),
  fit = as.list(fitMeasures(f, c(
    "chisq", "df", "chisq.scaled", "chisq.scaling.factor", "cfi", "rmsea", "srmr", "logl", "unrestricted.logl", "aic", "bic", own
  ))),
  params = p[p$op %in% c("=~", "~~", "~1"), c("lhs", "op", "rhs", "est", "se")]
)
write(toJSON(r, digits = 12, auto_unbox = TRUE, na = "null", pretty = FALSE), "missing.json")
