"""pipeline.toml: read, checked as a whole, and made a Plan; every mistake with its place and what to write instead.

`load("pipeline.toml")`, or `build(Document("pipeline.toml", text))`, gives the plan or raises Problems;
`plan.stages["intercept"][0].place` is `pipeline.toml:14`; `plan.document.line_of("plugin", "auth", "realm")` is a line.
"""

from pipeline.config.build import build, load
from pipeline.config.options import PipelineOptions
from pipeline.config.plan import Listing, Plan, Reference
from pipeline.config.problems import Place, Problem, Problems
from pipeline.config.read import Document, read

__all__ = [
    "Document",
    "Listing",
    "PipelineOptions",
    "Place",
    "Plan",
    "Problem",
    "Problems",
    "Reference",
    "build",
    "load",
    "read",
]
