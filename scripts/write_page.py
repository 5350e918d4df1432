"""Write the page of a study: verdicts, tables, figures, animations, a viewer of poses and provenance in one HTML file."""

import argparse
import sys

from _command import run

from uplift_upsample.base.files import write_text
from uplift_upsample.report.page.build import page
from uplift_upsample.report.page.contents import animations, figure, table
from uplift_upsample.report.page.graph import read_rule_graph
from uplift_upsample.report.page.poses import read_poses
from uplift_upsample.report.page.provenance_facts import runs


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True, help="name of the study")
    parser.add_argument("--tables", nargs="+", required=True, metavar="JSON", help="documents of tables, in the page's order")
    parser.add_argument("--figures", nargs="*", default=[], metavar="SVG", help="figures, in the page's order")
    parser.add_argument("--captions", default="workflow/report/figures", metavar="DIR", help="folder with captions of figures")
    parser.add_argument("--animations", nargs="*", default=[], metavar="GIF", help="animations, in the page's order")
    parser.add_argument("--poses", required=True, metavar="JSON", help="what the viewer shows, from select_poses.py")
    parser.add_argument("--records", nargs="*", default=[], metavar="JSON", help="records beside the scores")
    parser.add_argument("--rule_graph", default="{}", metavar="JSON", help="each rule with the rules that it needs")
    parser.add_argument("--output", required=True, metavar="HTML", help="page to write; links count from its folder")
    options = parser.parse_args(argv)
    text = page(
        study=options.study,
        tables=[table(path, options.output) for path in options.tables],
        figures=[figure(path, options.captions) for path in options.figures],
        animations=animations(options.animations, options.output),
        poses=read_poses(options.poses),
        runs=runs(options.records, options.output),
        rules=read_rule_graph(options.rule_graph),
    )
    write_text(options.output, text)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
