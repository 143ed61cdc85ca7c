"""The report: one page that shows what results files hold."""
