"""What only looks like a date: `it may fail`, `Spring Boot`, `port 2020`, `10.0.0.12`."""

from __future__ import annotations

import re

# Letter case tells some of them, so that this reads the text as it was written.
_LOOKALIKES = re.compile(
    r"""
      (?P<verb> (?<![\w-]) (?:may|march) (?!\w) )
    | (?<!\w) (?:sat|sun) (?!\w)
    # The framework, unless the words around it speak of the season.
    | (?<!\w) (?<![Tt]he\s) (?<![Ll]ast\s) (?<![Tt]his\s) (?<![Nn]ext\s) (?<![Ii]n\s)
      (?<!arly\s) (?<!ate\s) Spring (?!\w) (?!\s(?:of\s)?(?:19|20)[0-9]{2})
    | (?<!\w) Spring (?=\s[A-Z])
    | (?<!\w) (?:[Ee]very|[Ee]ach) \s{1,3} \w{1,12}
    # Numbers of something.
    | (?<!\w) (?:[Pp]ort|[Vv]ersion|v|[Tt]icket|[Ii]ssue|PR|MR|[Bb]ug|[Tt]ask|[Ss]tory|[Ii][Dd]
        |[Nn]o\.|[Nn]umber|[Cc]ode|[Ee]rror|[Ll]ines?|[Pp]age|[Rr]oom|[Bb]uild|[Rr]elease|[Ss]tep
        |[Cc]hapter|[Ss]ection|[Ii]nvoice|[Oo]rder|[Cc]ase|[Mm]odel|[Pp]in|PIN|[Ss]ize|[Ll]imit
        |[Dd]imensions?|[Mm]ax|RFC|ISO|CVE|Windows|Office|Server|Studio)
      \s{0,2} [#:-]? \s{0,2} (?:19|20)[0-9]{2} (?:[-.][0-9]{1,9}){0,5} (?!\w)
    | [#$€£] [0-9][0-9.,-]*
    | [$€£] \s [0-9][0-9.,-]*
    | \+ [0-9][0-9 ()/-]{6,20}
    | (?<![0-9.]) [0-9]{1,3} (?:\.[0-9]{1,3}){3} (?![0-9])
    """,
    re.VERBOSE,
)
# In front of "may" in lower case: surely the month; or the month if no verb can follow.
_SURELY = re.compile(
    r"(?:(?<!\w)(?:in|of|until|till|early|mid|late|during|by|through|between)"
    r"|[0-9](?:st|nd|rd|th)|[0-9](?:st|nd|rd|th)?\s+of)[\s-]+$"
)
_PERHAPS = re.compile(
    r"(?:(?<!\w)(?:this|last|next|since|before|after|from|to|and|on)|(?<![\w.:/-])[0-9]{1,2})[\s-]+$"
)
_A_DAY_OR_YEAR = re.compile(r",?\s+(?:the\s+)?(?:['’]?[0-9]{2}|[0-9])|\s+of\s+[0-9]")
_NO_VERB = re.compile(
    r"\W*$|\s*[.,;:?!)–-]|\s+(?:for|about|with|and|to|until|did|do|does|was|were|is|we|i|you|they"
    r"|on|last|this|next)(?!\w)",
    re.IGNORECASE,
)


def without_lookalikes(text: str) -> str:
    """The text in lower case, as long as it was, with what only looks like a date blotted out."""
    plain = _LOOKALIKES.sub(_blotted, text)
    # The only letter that is longer in lower case.
    return plain.replace("İ", "i").lower()


def _blotted(found: re.Match[str]) -> str:
    if found["verb"] and _is_month(found.string, found.start(), found.end()):
        return found[0]
    return "\0" * len(found[0])


def _is_month(text: str, start: int, end: int) -> bool:
    """Whether `may` or `march` in lower case is the month, by its neighbours."""
    before, after = text[max(0, start - 16) : start].lower(), text[end : end + 16]
    if _SURELY.search(before) or _A_DAY_OR_YEAR.match(after):
        return True
    return bool(_PERHAPS.search(before) and _NO_VERB.match(after))
