# Factor models of real answers that R's packages ship, by lavaan, for tests/end_to_end/test_against_r.py. Nothing of it is kept:
# Rscript real.R <folder> <set> writes <set>.csv (the answers) and <set>.json (lavaan's numbers).
# holzinger: nine tests of two schools (lavaan). msq: moods, four points, morning and afternoon; sai: states, four points, two
# studies; epi: yes or no; spi: six points, two sexes (psychTools; answers missing in the first three).
suppressPackageStartupMessages({
  library(lavaan)
  library(jsonlite)
})
given <- commandArgs(TRUE)
shipped <- function(name) {
  data(list = name, package = "psychTools", envir = environment())
  get(name)
}
sets <- list(
  holzinger = function() {
    d <- HolzingerSwineford1939
    list(list(visual = paste0("x", 1:3), textual = paste0("x", 4:6), speed = paste0("x", 7:9)), d, d$school)
  },
  msq = function() {
    d <- shipped("msq")
    scales <- list(
      energy = c("active", "energetic", "vigorous", "wakeful", "full.of.pep"), fatigue = c("sleepy", "tired", "drowsy"),
      tension = c("tense", "nervous", "jittery", "anxious"), ease = c("calm", "relaxed", "at.ease")
    )
    list(scales, d, ifelse(d$TOD < 12, "am", "pm"))
  },
  sai = function() {
    d <- shipped("sai")
    d <- d[d$time == 1, ]
    d <- d[d$study %in% names(sort(-table(d$study)))[1:2], ]
    scales <- list(
      strain = c(
        "tense", "regretful", "upset", "worrying", "anxious", "nervous", "jittery", "high.strung", "worried", "rattled"
      ),
      ease = c(
        "calm", "secure", "at.ease", "rested", "comfortable", "confident", "relaxed", "content", "joyful", "pleasant"
      )
    )
    list(scales, d, as.character(d$study))
  },
  epi = function() {
    d <- shipped("epiR")
    d <- d[d$time == 1, ]
    list(list(E = paste0("V", c(1, 3, 8, 10, 13, 17, 22, 25, 27)), N = paste0("V", c(2, 4, 7, 9, 11, 14, 16, 19, 21))), d, NULL)
  },
  spi = function() {
    d <- shipped("spi")
    keys <- shipped("spi.keys")[1:5]
    scales <- setNames(lapply(keys, function(k) sub("-", "", k)[1:6]), paste0("f", 1:5))
    turned <- sub("-", "", grep("^-", unlist(lapply(keys, head, 6)), value = TRUE))
    d[, turned] <- 7 - d[, turned]
    d <- d[!is.na(d$sex), ]
    list(scales, d, paste0("s", d$sex))
  }
)
found <- sets[[given[2]]]()
scales <- found[[1]]
items <- unname(unlist(scales))
d <- found[[2]][, items]
if (!is.null(found[[3]])) d$group <- found[[3]]
if (!is.null(d$group)) d <- d[!is.na(d$group), ]
x <- d[complete.cases(d[, items]), ]
ordinal <- given[2] != "holzinger"
model <- paste(names(scales), "=~", sapply(scales, paste, collapse = " + "), collapse = "\n")
values <- function(f) {
  wanted <- c(
    "chisq", "df", "cfi", "tli", "rmsea", "rmsea.ci.lower", "rmsea.ci.upper", "srmr", "logl", "aic", "bic", "chisq.scaled",
    "chisq.scaling.factor", "cfi.scaled", "tli.scaled", "rmsea.scaled", "cfi.robust", "rmsea.robust"
  )
  as.list(fitMeasures(f)[intersect(wanted, names(fitMeasures(f)))])
}
of <- function(f) {
  p <- parameterEstimates(f)
  list(fit = values(f), params = p[p$op %in% c("=~", "~~", "|", "~1"), c("lhs", "op", "rhs", "est", "se")])
}
r <- list(scales = scales, ML = of(cfa(model, x)), MLR = of(cfa(model, x, estimator = "MLR")))
if (anyNA(d[, items])) r$FIML <- of(cfa(model, d, estimator = "MLR", missing = "ml"))
if (ordinal) r$WLSMV <- of(cfa(model, x, ordered = items, estimator = "WLSMV"))
if (!is.null(x$group)) {
  r$groups <- lavInspect(cfa(model, x, group = "group"), "group.label")
  equal <- list(configural = "", metric = "loadings", scalar = c("loadings", "intercepts"))
  r$levels <- lapply(equal, function(e) values(cfa(model, x, group = "group", group.equal = e, estimator = "MLR")))
}
if (!is.null(x$group) && ordinal) {
  equal <- list(character(), "thresholds", c("thresholds", "loadings"), c("thresholds", "loadings", "intercepts"))
  names(equal) <- c("configural", "thresholds", "metric", "scalar")
  fits <- lapply(equal, function(e) {
    syntax <- semTools::measEq.syntax(model,
      data = x, ordered = items, parameterization = "theta", ID.cat = "Wu", ID.fac = "std.lv", group = "group", group.equal = e
    )
    cfa(as.character(syntax), x, ordered = items, group = "group", parameterization = "theta", estimator = "WLSMV")
  })
  r$ordinal <- lapply(fits, values)
  changes <- as.data.frame(do.call(lavTestLRT, unname(fits)))
  r$changes <- setNames(as.list(changes[["Chisq diff"]][-1]), names(equal)[-1])
}
write.csv(d, file.path(given[1], paste0(given[2], ".csv")), row.names = FALSE, na = "")
write(toJSON(r, digits = 12, auto_unbox = TRUE, na = "null"), file.path(given[1], paste0(given[2], ".json")))
