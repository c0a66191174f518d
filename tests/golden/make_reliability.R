# Makes reliability.json from ../data: run it in this folder. R 4.2.2, psych 2.2.9, lavaan 0.6-14, jsonlite.
suppressPackageStartupMessages({library(psych); library(lavaan); library(jsonlite)})
bfi <- read.csv("../data/bfi.csv", na.strings = "")
keys <- list(agree = c("-A1", "A2", "A3", "A4", "A5"), conscientious = c("C1", "C2", "C3", "-C4", "-C5"),
  extraversion = c("-E1", "-E2", "E3", "E4", "E5"), neuroticism = c("N1", "N2", "N3", "N4", "N5"),
  openness = c("O1", "-O2", "O3", "O4", "-O5"))
turned <- function(rows, keys) as.data.frame(sapply(keys, function(k) {
  x <- rows[[sub("-", "", k)]]
  if (startsWith(k, "-")) 7 - x else x
}))
# Every split of a correlation matrix into halves of as equal size as can be, by combn.
splits <- function(R) {
  p <- ncol(R)
  max(combn(p, p %/% 2, function(a) 4 * sum(R[a, -a]) / sum(R)))
}
split_half <- lapply(c(keys, list(both = unlist(keys[c("agree", "neuroticism")], use.names = FALSE))), function(k) {
  X <- turned(bfi, k)
  list(keys = k, psych = splitHalf(X, check.keys = FALSE)$maxrb, every = splits(cov2cor(cov(X, use = "pairwise"))))
})
by_gender <- lapply(split(bfi, bfi$gender), function(rows) lapply(keys, function(k) {
  a <- psych::alpha(turned(rows, k))
  list(alpha = a$total$raw_alpha, std = a$total$std.alpha, G6 = a$total[["G6(smc)"]], n = nrow(rows),
    feldt = c(a$feldt$lower.ci[[1]], a$feldt$upper.ci[[1]]))
}))
lq <- read.csv("../data/multilevel/lq2002.csv")
items <- sprintf("LEAD%02d", 1:6)
by <- statsBy(lq[, c("COMPID", items)], "COMPID")
model <- paste0("level: 1\n w =~ ", paste(items, collapse = "+"), "\nlevel: 2\n b =~ ", paste(items, collapse = "+"))
fit <- sem(model, data = lq, cluster = "COMPID")
omega_at <- function(level) {
  p <- parameterEstimates(fit)
  p <- p[p$level == level, ]
  common <- sum(p$est[p$op == "=~"])^2 * p$est[p$op == "~~" & p$lhs %in% c("w", "b")]
  common / (common + sum(p$est[p$op == "~~" & p$lhs %in% items]))
}
two_level <- list(items = items, rwg = unname(by$rwg), icc1 = unname(by$ICC1[items]), icc2 = unname(by$ICC2[items]),
  omega_within = omega_at(1), omega_between = omega_at(2))
meta <- list(R = R.version.string, packages = sapply(c("psych", "lavaan", "jsonlite"), function(p) as.character(packageVersion(p))))
writeLines(toJSON(list(meta = meta, split_half = split_half, by_gender = by_gender, two_level = two_level),
  digits = NA, auto_unbox = TRUE, pretty = TRUE), "reliability.json")
