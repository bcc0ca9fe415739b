import pytest

from pipeline.dal.names import is_user_name


@pytest.mark.parametrize("name", ["alice", "+49123", "j.doe-2_x", "100", "*97", "jörg", "o'brien"])
def test_a_user_is_called_by_what_a_uri_can_hold(name):
    assert is_user_name(name)


@pytest.mark.parametrize("name", ["", "a b", "a\tb", "a\nb", "a@b", "a:b", "a;b", "<a>", 'a"b', "a\\b", "a,b", "a/b", "a\x7f"])
def test_what_would_end_or_hide_a_part_of_a_uri_is_no_name(name):
    assert not is_user_name(name)
