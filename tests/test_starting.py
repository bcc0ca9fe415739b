"""What keeps a pipeline from starting, in one line."""

import pytest

from pipeline.starting import said


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError("ear"), "KeyError: 'ear'"),
        (ValueError("no ear\n  to hear with"), "no ear to hear with"),
        (RuntimeError(), "RuntimeError"),
        (FileNotFoundError(2, "No such file or directory", "ear"), "ear: No such file or directory"),
        (OSError("no journal: write file"), "no journal: write file"),
        (PermissionError(13, "Permission denied"), "Permission denied"),
    ],
)
def test_an_error_is_said_in_its_own_words_else_with_its_type(error, text):
    assert said(error) == text
