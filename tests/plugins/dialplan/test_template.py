import pytest
from pipeline.plugins.dialplan.patterns import Mistake
from pipeline.plugins.dialplan.template import read_template

VALUES = {"extension": "079123", "caller.name": "Alice", "x": "sip:me@there"}


def fill(text, **more):
    read = read_template(text)
    return read if isinstance(read, str) else read.fill(lambda name: VALUES.get(name, ""), **more)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("plain $ and {x}", "plain $ and {x}"),
        ("${extension}", "079123"),
        ("trunk/${extension:1}", "trunk/79123"),
        ("${extension:-3}!", "123!"),
        ("${extension:1:3}", "791"),
        ("a${nothing}b${caller.name}", "abAlice"),
    ],
)
def test_variables_are_filled_in(text, expected):
    assert fill(text) == expected


def test_what_the_far_side_chose_cannot_leave_its_place_in_an_address():
    VALUES["extension"] = "1@evil.example;x"
    assert fill("sip:${extension}@trunk", escape=lambda name: name == "extension") == "sip:1%40evil.example%3Bx@trunk"
    assert fill("${x}", escape=lambda name: name == "extension") == "sip:me@there"
    VALUES["extension"] = "../../etc/passwd"
    assert fill("${extension}", escape=lambda _: True, within="file") == "..%2F..%2Fetc%2Fpasswd"
    VALUES["extension"] = "#31#079"
    assert fill("sip:${extension}@trunk", escape=lambda _: True) == "sip:%2331%23079@trunk"
    assert fill("${extension}", escape=lambda _: True) == "#31#079"
    VALUES["extension"] = "079123"


@pytest.mark.parametrize(
    "text, message",
    [
        ("${x", "'${' is not closed"),
        ("${}", "'${}' names no variable"),
        ("${a b}", "'${a b}' names no variable"),
        ("${x:y}", "'${x:y}' has no stretch of a text behind ':'"),
        ("${x:1:-1}", "'${x:1:-1}' has no stretch of a text behind ':'"),
    ],
)
def test_a_wrong_variable_is_told(text, message):
    with pytest.raises(Mistake) as caught:
        read_template(text)
    assert caught.value.message == message
