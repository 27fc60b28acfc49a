"""The steps of Learn as data: one idea each, with its words, its picture, a guess, what it reveals, and notes.

What a sentence claims is computed: it is a function of the ``Facts`` of the picture that stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ctviz.figures.advice import unit_of
from ctviz.prose import decimal, listed, number, percent
from ctviz.ui.learn.facts import ByModel, Facts, Picture, Point, Search

Say = Callable[[Facts], str]

PERSON: Point = (7.15, 0.77)
"""Who is followed through the steps: somebody in the middle of those who are refused."""

CONVENTIONAL, TRAINED, LOCKED, BOTH = "vanilla", "full", "vanilla locked", "full locked"
PLACES = ("never", "searching", "training", "always")


@dataclass(frozen=True)
class PlaceGuess:
    """A guess by a click: where the search of a model ends."""

    question: str
    arm: str


@dataclass(frozen=True)
class ChoiceGuess:
    """A guess among a few answers; ``right`` tells which one the picture shows."""

    question: str
    options: tuple[str, ...]
    right: Callable[[Facts], int]


@dataclass(frozen=True)
class Step:
    """One screen.

    Attributes:
        title: in the headline.
        words: two or three sentences for somebody who has never heard of any of this.
        term: the technical term and its symbol, for those who want it.
        picture: what is shown once the guess has been made.
        asking: what is shown before; None: the same models, without their searches.
        guess: what is asked before it is revealed; None: nothing is.
        reveal: what the picture shows, in numbers of the run.
        price: what speaks against it, or limits it; nothing for None.
        notes: for who presents it. ``minutes``: how long it takes.
        hidden: whether the model is hidden too before the guess, so that only the data are seen.
    """

    title: str
    words: str
    term: str
    picture: Picture
    reveal: Say
    notes: str
    minutes: float
    guess: PlaceGuess | ChoiceGuess | None = None
    asking: Picture | None = None
    price: Say | None = None
    hidden: bool = False


def n(value: float) -> str:
    """A number in a sentence."""
    return number(value, 2)


def _p(share: float) -> str:
    return percent(share)


def _least(values: ByModel) -> int:
    return list(values.values()).index(min(values.values()))


def _most(values: ByModel) -> int:
    return list(values.values()).index(max(values.values()))


def _more(value: float, reference: float) -> str:
    """``15 % more`` than the reference, or less."""
    change = value / reference - 1
    return f"{percent(abs(change))} {'more' if change > 0 else 'less'}"


def _moved(before: float, after: float) -> str:
    """``fell from −0.4 to −3.7``, or rose: energies, as the picture writes them."""
    return f"{'fell' if after < before else 'rose'} from {decimal(before)} to {decimal(after)}"


# -- sentences --------------------------------------------------------------------------------------------


def _decides(f: Facts) -> str:
    one = f.searches[CONVENTIONAL]
    said = "Granted" if one.predicted == 0 else "Refused"
    return (
        f"{said}. Blue is where the model says yes, orange where it says no, and the darker the surer. "
        f"Of people it has never seen it is right about {_p(f.accuracy[CONVENTIONAL])}."
    )


def _of(f: Facts, point: Point, feature: int) -> str:
    """A feature of somebody, in people's units."""
    return f.scales[feature].text(point[feature])


def _from_to(f: Facts, one: Search, feature: int) -> str:
    return f"{_of(f, one.start, feature)} → {_of(f, one.end, feature)}"


def _counterfactual(f: Facts) -> str:
    one = f.searches[CONVENTIONAL]
    if not one.arrived:
        return f"After {one.steps} short steps the search has not found a yes from here. That happens too."
    return (
        f"After {one.steps} short steps: debt {_from_to(f, one, 0)}, age {_from_to(f, one, 1)}. There the model is "
        f"{_p(one.sure)} sure of a yes. That is enough: the search stops, its end is called *mature*, and the loss of "
        "a yes is low there."
    )


def _believable(f: Facts) -> str:
    one = f.searches[CONVENTIONAL]
    return (
        f"The nearest real person with a yes is {n(one.near)} away. From one real person with a yes to the next it is "
        f"usually {n(f.lonely[0])}, and never more than {n(f.lonely[1])}. Over {f.group} refused people the advice "
        f"ends {n(f.near[CONVENTIONAL])} from the nearest real one, on average."
    )


def loneliness(f: Facts) -> int:
    """Where the counterfactual ends: among the real ones, at their edge, or alone."""
    near = f.searches[CONVENTIONAL].near
    return 0 if near <= 3 * f.lonely[0] else 1 if near <= f.lonely[1] else 2


def _taught(f: Facts) -> str:
    mine, theirs = f.searches[TRAINED], f.searches[CONVENTIONAL]
    return (
        f"From the nearest real person with a yes it is {n(mine.near)}, with the conventional model {n(theirs.near)}; "
        f"over {f.group} refused people {n(f.near[TRAINED])} against {n(f.near[CONVENTIONAL])}. From the first epoch "
        f"to the last, the energy {_moved(f.energy_start_real[TRAINED], f.energy_real[TRAINED])} at real people with "
        f"a yes, and {_moved(f.energy_start_end[TRAINED], f.energy_end[TRAINED])} where its advice ends. What "
        "counts is how much higher it is there, below the pictures. Move the epochs (passes over the data) to see it."
    )


def _taught_price(f: Facts) -> str:
    effort = _more(f.effort[TRAINED], f.effort[CONVENTIONAL])
    right = [_p(f.accuracy[arm]) for arm in (TRAINED, CONVENTIONAL)]
    said = (
        f"both models are right about {right[0]}" if right[0] == right[1] else f"they are right about {listed(right)}"
    )
    return f"The price: its way takes {effort} effort; {said} of new people."


def _halfway(f: Facts) -> str:
    mine, theirs = f.searches[TRAINED], f.searches[CONVENTIONAL]
    return (
        "No: training shows the model this point with the old answer, so that a tiny change does not fool it. There "
        f"the conventional model takes a yes for {_p(theirs.halfway_sure)} likely, the trained one for "
        f"{_p(mine.halfway_sure)}."
    )


def _halfway_price(f: Facts) -> str:
    return (
        "On people as easy to tell apart as these it makes little difference: where everybody is changed a little on "
        f"purpose, {_p(f.robust[CONVENTIONAL])} of the conventional model's answers stay right and "
        f"{_p(f.robust[TRAINED])} of the trained one's. Digits shows where it matters."
    )


def _search_locked(f: Facts) -> str:
    free, locked = f.searches[CONVENTIONAL], f.searches[LOCKED]
    arrives = "" if locked.arrived else " and then it still has not arrived"
    return (
        f"With age locked, debt has to go from {_of(f, locked.start, 0)} to {_of(f, locked.end, 0)}{arrives}: an "
        f"effort of {n(locked.effort)} in place of {n(free.effort)}, where 1 is {unit_of(f.scales)}. Over {f.group} "
        f"refused people: "
        f"{n(f.effort[LOCKED])} in place of {n(f.effort[CONVENTIONAL])}."
    )


def _search_locked_price(f: Facts) -> str:
    return f"{_p(f.arrived[LOCKED])} of them get any advice at all; without the lock {_p(f.arrived[CONVENTIONAL])} do."


def _training_locked(f: Facts) -> str:
    efforts = [n(f.effort[place]) for place in PLACES]
    return (
        f"Mean effort of {f.group} refused people: {efforts[0]} with nothing locked, {efforts[1]} locked in the "
        f"search, {efforts[2]} in training, {efforts[3]} in both. Effort adds up the changes of both features, 1 for "
        f"each {unit_of(f.scales)}. "
        "Locked in training, the boundary stands nearly upright: debt decides almost alone."
    )


def _training_locked_price(f: Facts) -> str:
    return (
        f"The lock has a price: locked in both, advice ends {n(f.near['always'])} from the nearest real person, with "
        f"nothing locked {n(f.near['never'])}."
    )


def _proxies(f: Facts) -> str:
    return (
        f"Age's own share in the decision fell from {_p(f.share[TRAINED])} to {_p(f.share[BOTH])}. Yet decisions still "
        f"go along with age: {n(f.leak[BOTH])}, before {n(f.leak[TRAINED])}, where 1 is in lockstep and 0 not at all."
    )


def _proxies_price(f: Facts) -> str:
    return (
        f"Among people with the same answer, the correlation of debt with age is {n(f.linked)}. A lock keeps the model "
        "from reading a column, not from reading it off another one."
    )


def follows(f: Facts) -> int:
    """Whether locked decisions go along with age: not any more, less, as before."""
    return 0 if f.leak[BOTH] < 0.1 else 1 if f.leak[BOTH] < 0.9 * f.leak[TRAINED] else 2


def _fails(f: Facts) -> str:
    tiny = "tiny steps"
    return (
        f"Advice ends {n(f.near[CONVENTIONAL])} from real data with the conventional model, {n(f.near[TRAINED])} with "
        f"the trained one, {n(f.near[tiny])} with the one trained with tiny steps: {_p(f.mature[tiny])} of its "
        "searches in training arrived, so there was nothing to learn from."
    )


def _fails_price(f: Facts) -> str:
    effort = _more(f.effort[TRAINED], f.effort[CONVENTIONAL])
    return (
        f"Where it works it has a price, too: {effort} effort here, and every epoch of training has to search first. "
        "Limits shows where else it fails."
    )


def _turn(f: Facts) -> str:
    return (
        "Here are two moons: click to move the start, and drag the epochs. On data like these there is little to gain: "
        f"over {f.group} searches advice ends {n(f.near[CONVENTIONAL])} and {n(f.near[TRAINED])} from the nearest real "
        f"point on average, the one shown {n(f.searches[CONVENTIONAL].near)} and {n(f.searches[TRAINED].near)}; from "
        f"one real point to the next it is up to {n(f.lonely[1])}."
    )


# -- the steps --------------------------------------------------------------------------------------------

_ALONE = ("The model",)
_ONE = Picture("figure1", (CONVENTIONAL,), at=PERSON, near=False, headings=_ALONE)

STEPS = (
    Step(
        title="A model decides: yes or no",
        words="Each dot is a person who once asked for a loan: the farther right, the more **debt**; the higher, the "
        "**older**. Circles got it, squares did not. A model has learned from them, and answers for anybody, "
        "anywhere on this map.",
        term="The model is a *classifier* M(x); the line where it changes its mind is its *decision boundary*.",
        picture=Picture("figure1", (CONVENTIONAL,), at=PERSON, searched=False, headings=_ALONE),
        guess=ChoiceGuess(
            "Somebody new asks: the ringed dot. What will the model say?", ("Granted", "Refused"),
            lambda f: f.searches[CONVENTIONAL].predicted,
        ),
        reveal=_decides,
        notes="Ask for hands before you press. Point out that the model has seen only the dots and yet answers "
        "everywhere, also where nobody has ever been.",
        minutes=1,
        hidden=True,
    ),
    Step(
        title="The least that would have to change",
        words="Refused. So ask back: *what is the least that would have to be different for a yes?* That imagined "
        "other person is called a **counterfactual**. It is how a model can give advice.",
        term="Counterfactual x′ of the factual x for the class y⁺; found by gradient descent until the probability of "
        "y⁺ reaches τ.",
        picture=_ONE,
        guess=PlaceGuess("Click on the map where you think the shortest way to a yes ends.", CONVENTIONAL),
        reveal=_counterfactual,
        notes="Let two people point at the screen. The search walks downhill on the model's doubt: it looks at nothing "
        "but the model.",
        minutes=1.5,
    ),
    Step(
        title="Would you believe it?",
        words="A yes from the model is not yet good advice. Do people like that **exist**? Look for real people with a "
        "yes, the circles, near where the search ended.",
        term="Believable advice is *plausible*: it lies where data lie. The dotted line is the distance to the "
        "nearest real sample.",
        picture=Picture("figure1", (CONVENTIONAL,), at=PERSON, headings=_ALONE),
        asking=_ONE,
        guess=ChoiceGuess(
            "Where does the advice end?", ("In the midst of real people", "At the edge of them", "Where nobody is"),
            loneliness,
        ),
        reveal=_believable,
        notes="The sentence to remember: the model is sure, and nobody like that exists. That is the problem this "
        "whole app is about.",
        minutes=1.5,
    ),
    Step(
        title="Teach it: pull down, push up",
        words="**Counterfactual training** lets a model search such advice while it learns, and corrects it. Where "
        "real people with a yes are, a yes gets *easier*: pulled down. Where its own advice ended, *harder*: pushed "
        "up.",
        term="Contrastive divergence: λ_div · [E(x⁺, y⁺) − E(x′, y⁺)], with the energy E = −M(x)[y⁺].",
        picture=Picture("figure1", (CONVENTIONAL, TRAINED), at=PERSON, throughout=True, neighbour=True, energy=True),
        asking=Picture("figure1", (CONVENTIONAL,), at=PERSON, near=False),
        guess=PlaceGuess("A second model was taught so. Click where its advice for the same person ends.", TRAINED),
        reveal=_taught,
        price=_taught_price,
        notes="Drag the epochs from 0 to 100: the energy sinks among the circles, and the end of the search wanders "
        "towards them. Say the price too.",
        minutes=2,
    ),
    Step(
        title="Early points keep it honest",
        words="Just after its start a search has changed *next to nothing*: it is still inside the small dashed box. "
        "A model that said yes there already could be fooled by a trifle.",
        term="The last point inside the ε-box is *nascent*; training uses it as an *adversarial example* with the old "
        "label (λ_adv).",
        picture=Picture("figure1", (CONVENTIONAL, TRAINED), at=(6.1, 0.3), near=False, box=True),
        guess=ChoiceGuess(
            "What should the model learn to say at this early point, the white dot?",
            ("Yes: it is on its way", "No: it is still the same person"), lambda f: 1,
        ),
        asking=Picture("figure1", (CONVENTIONAL,), at=(6.1, 0.3), near=False, box=True),
        reveal=_halfway,
        price=_halfway_price,
        notes="One search, two lessons: its end teaches what advice should look like, its beginning what a trifle is.",
        minutes=1,
    ),
    Step(
        title="Nobody gets younger",
        words="Some advice is useless, however believable: nobody changes their **age**. So lock it. The search may "
        "now go left and right only.",
        term="An *immutable feature*: its part of every step is set to zero, exactly.",
        picture=Picture(
            "figure1", (CONVENTIONAL, LOCKED), at=PERSON, near=False,
            headings=("Age free", "Age locked in the search"),
        ),
        asking=Picture("figure1", (CONVENTIONAL,), at=PERSON, near=False, headings=("Age free",)),
        guess=PlaceGuess("The same model, with age locked in the search. Click where it ends now.", LOCKED),
        reveal=_search_locked,
        price=_search_locked_price,
        notes="The model has not changed at all. Whoever leans on age makes everybody pay in debt for what they cannot "
        "change.",
        minutes=1.5,
    ),
    Step(
        title="Lock the training too",
        words="Locking the search leaves the model as it is: it still leans on age. Lock the **training** too: then "
        "its lessons leave age out, and the boundary may turn. Here are all four ways, each trained with "
        "counterfactuals.",
        term="*Protection*: in the divergence the locked part of x⁺ is replaced by that of x′.",
        picture=Picture(
            "where", PLACES, at=PERSON, columns=2, near=False,
            headings=("Nothing locked", "Locked in the search", "Locked in training", "Locked in both"),
        ),
        asking=Picture("where", ("never",), at=PERSON, near=False, headings=("Nothing locked",)),
        guess=ChoiceGuess(
            "With which one does advice take the least effort?",
            ("Nothing locked", "Locked in the search", "Locked in training", "Locked in both"),
            lambda f: _least(f.effort),
        ),
        reveal=_training_locked,
        price=_training_locked_price,
        notes="Rows: locked in training or not. Columns: locked in the search or not. Look at the slope of the border.",
        minutes=2,
    ),
    Step(
        title="Stand-ins: what a lock cannot do",
        words="Often things go together: here whoever is older also has more debt. Then **debt tells the model your "
        "age** all the same. Such a stand-in is called a proxy.",
        term="Measured as the correlation of the score with the locked feature among samples of one class.",
        picture=Picture(
            "proxies-linked", (TRAINED, BOTH), at=(1.5, 1.0), sensitive=True, near=False,
            headings=("Nothing locked", "Age locked in both"),
        ),
        asking=Picture("proxies-linked", (TRAINED,), at=(1.5, 1.0), near=False, headings=("Nothing locked",)),
        guess=ChoiceGuess(
            "Age is locked in the search and in training. Do decisions still go along with age?",
            ("Not any more", "Yes, only less", "Yes, as before"), follows,
        ),
        reveal=_proxies,
        price=_proxies_price,
        notes="This is why “we do not use that column” is no answer. Ask for examples: postcode and income, first name "
        "and age.",
        minutes=1.5,
    ),
    Step(
        title="What it costs, and where it fails",
        words="The lesson is only as good as the searches behind it. Here are three models on other data: "
        "conventional, trained with good searches, and trained with searches that creep.",
        term="At high τ or small η few counterfactuals mature, and the divergence starves.",
        picture=Picture("stress", (CONVENTIONAL, TRAINED, "tiny steps"), at=(-9.1, -9.1), loan=False,
                        headings=("Conventional", "Good searches", "Searches that creep")),
        asking=Picture("stress", (CONVENTIONAL,), at=(-9.1, -9.1), loan=False, headings=("Conventional",)),
        guess=ChoiceGuess(
            "Whose advice ends farthest from real data?", ("Conventional", "Good searches", "Searches that creep"),
            lambda f: _most(f.near),
        ),
        reveal=_fails,
        price=_fails_price,
        notes="Say it before somebody asks: it costs time, it costs effort, and it depends on its searches.",
        minutes=1.5,
    ),
    Step(
        title="Your turn",
        words="You know the whole idea now: a model advises, the advice is checked against real people, and the check "
        "becomes the lesson. Take a model apart yourself, or see what you remember.",
        term="",
        picture=Picture("moons", (CONVENTIONAL, TRAINED), at=(1.0, -0.45), loan=False, throughout=True),
        reveal=_turn,
        notes="Let people drive. The quiz takes five minutes and is best done in pairs.",
        minutes=1,
    ),
)  # fmt: skip

QUIZ = len(STEPS) + 1
"""The number of the quiz in the link."""
