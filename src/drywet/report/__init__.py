"""Report: tables and clips to pages that open without a server."""

from drywet.report.run import build_run_report
from drywet.report.study import build_study_report

__all__ = ["build_run_report", "build_study_report"]
