"""What is said of an answer whatever its task, each remark in one wording.

The pages of the book judge answers too, with the same words: `declared` hands
them on.
"""

REMARKS = {
    "blank": "There is no answer yet.",
    # numbers
    "infinite": "{value} is not finite.",
    "wrong": "{value} is not right.",
    "sign": "{value} is not right: look at its sign and size.",
    "float32": "{value} is not right: float32 rounds whole numbers of this"
    " size. Count with Python's own integers.",
    "unit": "{value} is not right, but its digits are: check the unit.",
    "close": "{value} is not right, but close: is it rounded, or is something"
    " missing?",
    # shapes
    "no shape": "{value} is not a shape, which is a tuple.",
    "impossible size": "{value} has a size that is impossible.",
    "axes": "{value} is not right: {count} axes where there should be"
    " {wanted}.",
    "one axis": "{value} is not right: 1 axis where there should be {wanted}.",
    "axis": "{value} is not right. The first wrong axis is axis {axis}{name}.",
    # *Decode my number*
    "not positive": "{value} is not positive, but a count is.",
    "rounded too much": "{value} is rounded too much: give at least {digits}"
    " digits.",
    "not whole": "{value} is not a whole number, but a count is.",
    "range": "{low} to {high}",
    "found": "This is the number of {quantity} of {network}",
    "one mistake": "{found}, with one mistake:",
    "two mistakes": "{found}, with two mistakes:",
    "step": "– {says} ({change})",
    "slip": "In {layer}, {wrong} stands for {right}.",
    "right count": "Right is {count}.",
    "one more": "1 more explanation is as simple.",
    "more": "{left} more explanations are as simple.",
    "rounded": "The number is rounded, so chance may play along.",
    "much explained": "A slip explains much: compare it with your own lines.",
    "nothing fits": "Nothing fits. No network in this book's table has this"
    " count, and none of the known mistakes, alone or two together, leads to"
    " it.",
    "nothing fits one": "Nothing fits. This is no count of {network}, and none"
    " of the known mistakes, alone or two together, leads to it.",
    "nearest": "The nearest right count is {count}, {what}.",
    # several answers, and choices
    "part correct": "correct.",
    "exchanged": "This answer and {name} are exchanged.",
    "no option": "{value} is not one of the options. Give {some} of the"
    " letters {options} in quotes.",
}


def remark(which: str, /, **about: object) -> str:
    """Return a remark, with what it is about filled in."""
    return REMARKS[which].format(**about)
