"""The export of a limit: the link, numbers, settings, and the commands that compute the same."""

from __future__ import annotations

import io
import json

from ctviz.studies.results import StudyResult
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.export import ExportFile, offer, share_menu, show_code
from ctviz.ui.limits.limits_view import LimitsView


def share(draft: Draft[LimitsView], result: StudyResult) -> None:
    """The menu "Share and take away"."""
    name = draft.view.limit
    code = f'import ctviz\n\nresult = ctviz.run_limit("{name}")\nresult.table  # {", ".join(result.table.columns)}'
    with share_menu(draft):
        offer(
            ExportFile(label, content, f"ctviz-limit-{name}.{ending}", mime, "download")
            for label, content, ending, mime in (
                ("All numbers (CSV)", lambda: result.table.to_csv(index=False), "csv", "text/csv"),
                ("All numbers (Parquet)", lambda: parquet(result), "parquet", "application/vnd.apache.parquet"),
                ("Settings of every panel (JSON)", lambda: settings(result), "json", "application/json"),
            )
        )
        command = f"ctviz limits {name} --seeds {result.study.seeds}"
        show_code("**Command** that computes the same", command, "bash")
        show_code("**Python** that does", code, "python")


def parquet(result: StudyResult) -> bytes:
    """The table as a Parquet file."""
    buffer = io.BytesIO()
    result.table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def settings(result: StudyResult) -> str:
    """The experiment of every panel as JSON; a draw sets the seeds of the data and of the arms."""
    return json.dumps(result.study.settings, indent=2)
