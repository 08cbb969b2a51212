"""What the posts of a row say of their author: hashtags and terms, never a caption.

Here: one pure function from captions to terms. A caption is redacted as a whole, as its contacts
need their surroundings, then taken apart; words with digits, @names, links and whatever a detector
marks are dropped, and the rest is put into alphabetical order, each word once. Not here: which
posts count for a profile (`merge`).
"""

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.schema.tables import OBSERVATION
from sxe_pipeline.social.detectors import Detectors

COLUMN = "own_posts"
MOST_TERMS, MOST_HASHTAGS = 80, 40
"""Of one post; what stands first in the caption is kept."""

_READ_CHARACTERS = 4_000
_TERM_LENGTH, _TAG_LENGTH = 24, 48
"""Longer ones are sentences of a script without spaces, or noise."""
_TYPE = OBSERVATION.schema.field(COLUMN).type

_NO_WORDS = r"(?i)https?:\S*|www\.\S*|\S*@\S*|\S+\.\p{L}\S*|\[[a-z_]+\]"
"""Links, addresses, names of others, and the tokens that stand where a contact was."""
_WORD = r"[\p{L}\p{M}\p{N}_]+"
_TAG = f"#{_WORD}"
_RUNS = r"(\p{Han}+|[\p{Katakana}ー]+)"
"""Scripts without spaces change where a word ends; Hiragana between them is grammar."""
_LONG_HAN = r"^\p{Han}{5,}$"
_DIGITS = r"\p{N}|^[〇零一二三四五六七八九十百千万億亿两壹贰叁肆伍陆柒捌玖拾]+$"
"""Han writes numbers in letters: a word that is nothing else is one."""


def evidence(own_posts: pa.Array, detectors: Detectors) -> pa.Array:
    """Replace the captions of posts by their terms.

    Args:
        own_posts: The column of landed rows: lists of posts with `hashtags` and `caption`.
        detectors: The redaction rules in force.

    Returns:
        The column of observations: as many lists of as many posts, with `hashtags` and `terms`.
        `terms` is null where a post has no caption, or the second detector sees a contact in what
        redaction left of it; `hashtags` where neither field nor caption says anything.
    """
    posts = pc.list_flatten(own_posts)
    if not len(posts):
        return pa.nulls(len(own_posts), _TYPE)
    plain = _plain(pc.struct_field(posts, "caption"), detectors)
    named = pc.struct_field(posts, "hashtags")
    tags = pl.concat([_named_tags(named), _found(plain, _TAG)])
    is_tagged = pc.or_(named.is_valid(), plain.to_arrow().is_valid())
    said = {
        "post_id": pc.struct_field(posts, "post_id"),
        "posted_at": pc.struct_field(posts, "posted_at"),
        "hashtags": _lists(_hashtags(tags, detectors), is_tagged),
        "terms": _lists(_terms(plain, detectors), plain.to_arrow().is_valid()),
    }
    return _as_lists(own_posts, said)


def again(own_posts: pa.Array, detectors: Detectors) -> tuple[pa.Array, np.ndarray]:
    """Drop from stored posts the words in which the rules in force see a contact.

    Args:
        own_posts: The column of observations.
        detectors: The redaction rules in force.

    Returns:
        The column without these words, and for each of its rows whether one went.
    """
    posts = pc.list_flatten(own_posts)
    rows = np.asarray(pc.list_parent_indices(own_posts))
    is_changed = np.zeros(len(own_posts), dtype=bool)
    said = {name: pc.struct_field(posts, name) for name in ("post_id", "posted_at")}
    for name in ("hashtags", "terms"):
        words = pl.Series(name, pc.struct_field(posts, name), dtype=pl.List(pl.String))
        distinct = words.explode().drop_nulls().unique().to_arrow().cast(pa.string())
        marked = pl.Series(distinct.filter(_is_marked(distinct, detectors)), dtype=pl.String)
        left = words
        if len(marked):
            left = words.list.eval(pl.element().filter(~pl.element().is_in(marked.implode())))
            went = (left.list.len() < words.list.len()).fill_null(False)
            is_changed[rows[went.to_numpy()]] = True
        said[name] = left.to_arrow().cast(pa.list_(pa.string()))
    return _as_lists(own_posts, said), is_changed


def _as_lists(like: pa.Array, said: dict[str, pa.Array]) -> pa.Array:
    """Posts in lists as long as those of `like`."""
    kind = _TYPE.value_type
    items = pa.StructArray.from_arrays(
        [said[field.name].cast(field.type) for field in kind], fields=list(kind)
    )
    lengths = pc.fill_null(pc.list_value_length(like), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate(([0], np.cumsum(lengths))), pa.int32())
    mask = like.is_null() if like.null_count else None
    return pa.ListArray.from_arrays(offsets, items, type=_TYPE, mask=mask)


def _plain(captions: pa.Array, detectors: Detectors) -> pl.Series:
    """Captions without contacts, links and names; null where a contact may be left."""
    read = pc.utf8_slice_codeunits(captions, 0, _READ_CHARACTERS)
    redacted = detectors.redact_array(read).texts
    seen = detectors.scan_array(redacted)
    left = pl.Series(pc.if_else(seen.is_valid(), pa.scalar(None, pa.string()), redacted))
    folded = left.cast(pl.String).str.normalize("NFKC").str.replace_all(_NO_WORDS, " ")
    return folded.str.to_lowercase().rename("text")


def _found(texts: pl.Series, pattern: str) -> pl.DataFrame:
    """What matches in each text, one row a match: `post` is the position of the text."""
    matches = texts.str.extract_all(pattern).alias("word")
    frame = pl.DataFrame([pl.Series("post", range(len(texts)), dtype=pl.UInt32), matches])
    return frame.explode("word").drop_nulls()


def _named_tags(named: pa.Array) -> pl.DataFrame:
    series = pl.Series("word", pl.Series(named), dtype=pl.List(pl.String))
    frame = pl.DataFrame([pl.Series("post", range(len(series)), dtype=pl.UInt32), series])
    return frame.explode("word").drop_nulls()


def _hashtags(found: pl.DataFrame, detectors: Detectors) -> pl.DataFrame:
    word = pl.col("word").str.normalize("NFKC").str.strip_chars().str.strip_prefix("#")
    tags = found.select("post", word.str.to_lowercase()).filter(
        pl.col("word").str.contains(f"^{_WORD}$")
    )
    return _kept(tags, _TAG_LENGTH, MOST_HASHTAGS, detectors)


def _terms(plain: pl.Series, detectors: Detectors) -> pl.DataFrame:
    text = plain.str.replace_all(_TAG, " ").str.replace_all(r"\p{Hiragana}+", " ")
    words = _found(text.str.replace_all(_RUNS, " ${1} "), _WORD)
    is_long = pl.col("word").str.contains(_LONG_HAN)
    long = words.filter(is_long)
    # As an index does it: every two neighbours, or a sentence without spaces would be one word.
    pairs = [
        long.select("post", pl.col("word").str.slice(start).str.extract_all(".."))
        for start in (0, 1)
    ]
    whole = words.filter(~is_long)
    return _kept(
        pl.concat([whole, *(pair.explode("word").drop_nulls() for pair in pairs)]),
        _TERM_LENGTH,
        MOST_TERMS,
        detectors,
    )


def _kept(words: pl.DataFrame, longest: int, most: int, detectors: Detectors) -> pl.DataFrame:
    """Each word of a post once, without those that may not be kept, in alphabetical order."""
    stripped = words.with_columns(pl.col("word").str.strip_chars("_"))
    word = pl.col("word")
    sized = stripped.filter(
        word.str.len_chars().is_between(2, longest) & ~word.str.contains(_DIGITS)
    ).unique(maintain_order=True)
    distinct = sized["word"].unique(maintain_order=True).to_arrow().cast(pa.string())
    is_clean = pc.invert(_is_marked(distinct, detectors))
    clean = pl.Series("word", distinct.filter(is_clean), dtype=pl.String)
    return (
        sized.join(clean.to_frame(), on="word", how="semi", maintain_order="left")
        .group_by("post", maintain_order=True)
        .agg(word.head(most).sort())
    )


def _is_marked(words: pa.Array, detectors: Detectors) -> pa.Array:
    """Whether any detector sees a contact in a word that stands alone."""
    return pc.or_(
        pc.greater(detectors.redact_array(words).counts, 0),
        pc.or_(
            detectors.scan_array(words).is_valid(),
            pc.fill_null(detectors.contact_shaped(words), False),
        ),
    )


def _lists(words: pl.DataFrame, is_said: pa.Array) -> pa.Array:
    """One list a post: empty where nothing was found, null where nothing is said."""
    every = pl.DataFrame({"post": pl.Series(range(len(is_said)), dtype=pl.UInt32)})
    lists = every.join(words, on="post", how="left", maintain_order="left")["word"]
    empty = pl.Series([[]], dtype=pl.List(pl.String))
    is_said_too = pl.Series(is_said).cast(pl.Boolean)
    said = pl.select(pl.when(is_said_too).then(lists.fill_null(empty))).to_series()
    return said.to_arrow().cast(pa.list_(pa.string()))
