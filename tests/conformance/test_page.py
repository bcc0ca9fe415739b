"""docs/conformance.md: made of marks and citations."""

import textwrap

from pipeline.conformance.page import cited, notes


def test_citations_are_read_as_people_write_them():
    assert cited("Dialogs. RFC 3261 12, 17.2.3; RFC 3265") == [("3261", "12"), ("3261", "17.2.3"), ("3265", "")]
    assert cited("RFC 3261 10.3-7 and RFC 5626\n 4.4.1") == [("3261", "10.3-7"), ("5626", "4.4.1")]
    assert cited("64*T1 (RFC 3261 17.1.2.2), 20 s") == [("3261", "17.1.2.2")]


def test_marks_docstrings_and_files_are_noted(tmp_path):
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_x.py").write_text(
        textwrap.dedent('''
            """X. RFC 4028 7."""

            @rfc("3261", "10.3-7", "10.3-8")
            def test_it_holds(): ...

            def test_that():
                """RFC 3262 3"""
        ''')
    )
    ours = [note for note in notes(folder) if "sipline conformance" not in note[2]]
    assert ours == [
        ("4028", "7", "tests/test_x.py"),
        ("3261", "10.3-7", "tests/test_x.py: it holds"),
        ("3261", "10.3-8", "tests/test_x.py: it holds"),
        ("3262", "3", "tests/test_x.py: that"),
    ]
