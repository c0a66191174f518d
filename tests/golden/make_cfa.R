# Golden values of confirmatory models that bfi_cfa.json and syn2k_cfa.json do not hold: second order, bifactor, errors by
# school, several groups, standardised errors, modification indices. Run from this folder; it writes cfa_models.json.
# Data: syn2k.csv (simulated by this project) with its schools, and groups by row number (odd, even), and the moments of lavaan's
# HolzingerSwineford1939.
suppressPackageStartupMessages({library(lavaan);library(jsonlite)})
d<-read.csv("syn2k.csv",na.strings=c("NA",""))
d$half<-paste0("h",(seq_len(nrow(d))-1)%%2)
it<-unlist(lapply(1:9,function(f) paste0("d",f,"_",1:4)))
nine<-paste(sapply(1:9,function(f) paste0("Fd",f," =~ ",paste0("d",f,"_",1:4,collapse=" + "))),collapse="\n")
three<-paste(nine,"\nH1 =~ Fd1 + Fd2 + Fd3\nH2 =~ Fd4 + Fd5 + Fd6\nH3 =~ Fd7 + Fd8 + Fd9")
bi<-paste("general =~",paste(it,collapse=" + "),"\n",nine)
short<-paste(sapply(1:2,function(f) paste0("Fd",f," =~ ",paste0("d",f,"_",1:4,collapse=" + "))),collapse="\n")
run<-function(...) suppressWarnings(cfa(...))
FM<-c("npar","chisq","df","pvalue","baseline.chisq","baseline.df","cfi","tli","rmsea","rmsea.ci.lower","rmsea.ci.upper","rmsea.pvalue","srmr","logl","aic","bic")
FMS<-c("chisq","df","chisq.scaled","chisq.scaling.factor","cfi.scaled","tli.scaled","rmsea.scaled","rmsea.ci.lower.scaled","rmsea.ci.upper.scaled","cfi.robust","tli.robust","rmsea.robust","rmsea.ci.lower.robust","rmsea.ci.upper.robust")
P<-function(f,std=FALSE){p<-parameterEstimates(f);p<-p[p$op%in%c("=~","~~","~1"),];o<-data.frame(lhs=p$lhs,op=p$op,rhs=p$rhs,est=p$est,se=p$se);if(!is.null(p$group)) o$group<-p$group;if(std){s<-standardizedSolution(f);s<-s[s$op%in%c("=~","~~","~1"),];o$std<-s$est.std;o$std_se<-s$se};o}
out<-function(f,fm=FM,std=FALSE) list(n=sum(lavInspect(f,"nobs")),fit=as.list(fitMeasures(f,fm)),params=P(f,std))
MI<-function(f){m<-modindices(f);m<-m[m$op=="=~"|(m$op=="~~"&m$lhs%in%it&m$rhs%in%it),];m<-m[order(-m$mi),];m[1:60,c("lhs","op","rhs","mi","epc","sepc.all")]}
r<-list(meta=list(R=R.version.string,packages=list(lavaan=as.character(packageVersion("lavaan")))))
f<-run(nine,d); r$nine_std<-out(f,std=TRUE); r$nine_modification<-MI(f); r$nine_r2<-as.list(lavInspect(f,"rsquare"))
f<-run(three,d); r$second_order<-out(f,std=TRUE)
r$second_order_std_lv<-out(run(three,d,std.lv=TRUE))
r$one<-out(run(paste("general =~",paste(it,collapse=" + ")),d))
f<-run(bi,d,orthogonal=TRUE,std.lv=TRUE); r$bifactor<-out(f,std=TRUE)
f<-run(nine,d,estimator="MLR",cluster="school"); r$nine_cluster<-out(f,FMS,std=TRUE)
A<-lavTech(f,"inverted.information"); r$nine_cluster$trace_h1<-f@test[[2]]$scaling.factor.h1; r$nine_cluster$trace_h0<-f@test[[2]]$scaling.factor.h0
f<-run(short,d,estimator="MLR",missing="ml"); r$short_fiml_mlr<-out(f,setdiff(FMS,grep("robust",FMS,value=TRUE)))
f<-run(short,d,estimator="MLR",missing="ml",cluster="school"); r$short_fiml_cluster<-out(f,c("chisq","df","chisq.scaled","chisq.scaling.factor"))
f<-run(short,d,estimator="MLR",group="half"); r$short_groups_mlr<-out(f,FMS)
f<-run(short,d,missing="ml",group="half",group.equal="loadings"); r$short_groups_fiml<-out(f)
H<-HolzingerSwineford1939; x<-paste0("x",1:9); hs<-"visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
r$hs<-list(items=x,schools=lapply(split(H[,x],H$school),function(g) list(n=nrow(g),mean=as.list(unname(colMeans(g))),cov=unname(cov(g)*(nrow(g)-1)/nrow(g)))))
r$hs$all<-out(run(hs,H),std=TRUE)
r$hs$configural<-out(run(hs,H,group="school")); r$hs$metric<-out(run(hs,H,group="school",group.equal="loadings")); r$hs$scalar<-out(run(hs,H,group="school",group.equal=c("loadings","intercepts")))
r$hs$order<-names(lavInspect(run(hs,H,group="school"),"nobs")); r$hs$order<-lavInspect(run(hs,H,group="school"),"group.label")
write(toJSON(r,digits=12,auto_unbox=TRUE,na="null",pretty=FALSE),"cfa_models.json")
