# p values corrected for their number by R's p.adjust; writes p_adjust.json. Run in tests/golden: Rscript make_adjust.R
library(jsonlite)

set.seed(1995)
sets <- list(
  spread = round(runif(12)^2, 6),
  ties = c(0.01, 0.01, 0.02, 0.02, 0.02, 0.5, 1, 1),
  missing = c(0.003, NA, 0.04, 0.2, NA, 0.049, 0.8),
  small = 10^-(1:9),
  one = 0.04,
  many = round(runif(200)^4, 8)
)
out <- lapply(sets, function(p) list(p = p, holm = p.adjust(p, "holm"), bh = p.adjust(p, "BH")))
out$session <- R.version.string
write(toJSON(out, digits = NA, na = "null", auto_unbox = FALSE, pretty = FALSE), "p_adjust.json")
