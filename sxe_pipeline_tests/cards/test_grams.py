"""Hashed words and n-grams: the same wherever they stand, in whatever batch."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from sxe_pipeline.cards.labeler.grams import grams
from sxe_pipeline.cards.text import skeleton

TEXTS = st.lists(st.text(max_size=40) | st.text(alphabet="abc 日本é😀\n", max_size=40), max_size=6)


def by_text(texts, salt=0):
    found = defaultdict(list)
    for text, *gram in zip(*(part.tolist() for part in grams(texts, salt)), strict=True):
        found[text].append(tuple(gram))
    return [sorted(found[number]) for number in range(len(texts))]


def hashes(text, salt=0):
    return {hashed for _, _, hashed, _ in by_text([text], salt)[0]}


@given(TEXTS)
def test_a_text_has_the_same_grams_alone_and_among_others(texts):
    bares = [skeleton(text) for text in texts]

    assert by_text(bares) == [by_text([bare])[0] for bare in bares]


@given(TEXTS)
def test_a_gram_stands_in_its_text_or_reaches_one_sign_beyond_it(texts):
    for text in map(skeleton, texts):
        for start, end, _, is_word in by_text([text])[0]:
            assert -1 <= start < end <= len(text) + 1
            assert not is_word or text[start:end].isalnum()


def test_a_word_hashes_alike_wherever_it_stands_and_apart_elsewhere():
    assert hashes("dog") <= hashes("my dog mom")
    assert hashes("dog mom") - hashes("my dog\n\n\nmom") != set()
    assert hashes("dog").isdisjoint(hashes("dog", salt=1))
    assert hashes("日本") & hashes("私は日本人")


def test_no_text_has_no_grams():
    assert len(grams([], 0).hashed) == len(grams(["", ""], 0).hashed) == 0
