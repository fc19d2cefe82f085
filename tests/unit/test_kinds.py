"""Types of identifiers: what each takes for the same, what it shows, what it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from muxi.core.identity.kinds import DEFAULT_LIMIT, DEFAULT_REFUSED, KNOWN, IdentifierKind, Kinds
from muxi.core.identity.types import LinkedIdentifier
from muxi.errors import IdentifierLimitError, InvalidIdentifierError, SettingsError
from muxi.ids import UserId, new_user_id
from muxi.settings import FormationSettings

KEY = b"k" * 32
SECRET = "sk-0123456789abcdef"
TOKEN = "anon_" + "A0" * 22
TYPES = sorted(kind.name for kind in KNOWN)
#: For every known type, a value as it may be written.
WRITTEN = {
    "email": "Alice@ACME.com",
    "phone": "+49 30 901820",
    "slack": "U98765ABC",
    "github": "Octo-Cat",
    "telegram": "5551234",
    "discord": "80351110224678912",
    "api_key": SECRET,
    "internal": "user_77",
    "anonymous": TOKEN,
    "oidc": "https://login.example.com|248289761001",
}


def value(raw: object, kinds: Kinds | None = None) -> str:
    return (kinds or Kinds()).normal_form(raw, KEY).value


def shown(raw: object, kinds: Kinds | None = None) -> str:
    return (kinds or Kinds()).normal_form(raw, KEY).shown


def refused(raw: object, kinds: Kinds | None = None) -> bool:
    try:
        value(raw, kinds)
    except InvalidIdentifierError:
        return True
    return False


def test_the_known_types() -> None:
    """The list that the documents give."""
    assert sorted(WRITTEN) == TYPES


class TestEmail:
    """NFKC, small letters, IDNA; nothing folded that only the mailbox's server can know."""

    @pytest.mark.parametrize("written", ["Alice@ACME.com", "\uff41lice\uff20acme\uff0ecom", "ALICE@acme.COM"])
    def test_one_address(self, written: str) -> None:
        """Case, full-width letters and a type that is left out make no other person."""
        assert value(written) == value((written, "email")) == "alice@acme.com"
        assert shown((written, "email")) == written

    @pytest.mark.parametrize("other", ["alice+news@acme.com", "a.lice@acme.com", "alice@mail.acme.com"])
    def test_other_addresses(self, other: str) -> None:
        """Plus signs and dots stay."""
        assert value(other) == other

    def test_one_domain(self) -> None:
        """A domain is the same in its letters and as it is sent; ß is not ss."""
        assert value("jo@xn--mnchen-3ya.de") == value("Jo@MÜNCHEN.de") == "jo@münchen.de"
        assert value("jo@straße.de") == value("jo@xn--strae-oqa.de") != value("jo@strasse.de")

    @given(st.emails())
    def test_any_address(self, address: str) -> None:
        """An address without a type has the form that it has with one, and both cases are one."""
        if not refused((address, "email")):
            assert value(address) == value((address, "email")) == value((address.upper(), "email"))


class TestPhone:
    """E.164, by the numbering plans of all countries."""

    @pytest.mark.parametrize("written", ["+49 30 901820", "+49 (0)30 90-18-20", "+4930901820", "\uff0b49 30 901820"])
    def test_one_number(self, written: str) -> None:
        """Spaces, dashes, brackets and the trunk zero make no other person, and none of them is shown."""
        assert value((written, "phone")) == shown((written, "phone")) == "+4930901820"

    @pytest.mark.parametrize(
        "wrong",
        ["030 901820", "+49", "+1 555", "+999 123456789", "+1 415 555 2671 ext. 12", "call +4930901820", "0", "+",
         "1" * 30],
    )  # fmt: skip
    def test_what_is_no_number(self, wrong: str) -> None:
        """No country, too short or long, an extension, a text that has a number in it."""
        assert refused((wrong, "phone"))

    def test_a_region_reads_what_is_dialled_there(self) -> None:
        """With identity.phone_region a number may stand without its country; a town's own number may not."""
        kinds = Kinds(phone_region="DE")
        assert value(("030 901820", "phone"), kinds) == "+4930901820"
        assert value(("+1 415 555 2671", "phone"), kinds) == "+14155552671"
        assert value(("(415) 555-2671", "phone"), Kinds(phone_region="US")) == "+14155552671"
        assert refused(("555-2671", "phone"), Kinds(phone_region="US"))

    def test_without_its_type_a_number_is_any_text(self) -> None:
        """Rule 1: nothing but an e-mail address is recognised."""
        assert value("+49 30 901820") == "+49 30 901820"

    def test_an_unknown_region_stops_the_start(self) -> None:
        """A typing error is not found out by the first user."""
        with pytest.raises(SettingsError, match="XX"):
            Kinds(phone_region="XX")


class TestOidc:
    """An account at an OpenID provider is its issuer and its subject."""

    def test_exact_but_for_the_slash(self) -> None:
        """Providers write their issuer with and without it; all else tells accounts apart."""
        assert value(("https://id.example.com/|Abc", "oidc")) == "https://id.example.com|Abc"
        assert value(("https://id.example.com|auth0|7", "oidc")) == "https://id.example.com|auth0|7"
        assert value(("http://localhost:8080/realm|7", "oidc")) == "http://localhost:8080/realm|7"
        one = {value((f"https://{rest}", "oidc")) for rest in ("a.org|x", "a.org|X", "a.org/t|x", "b.org|x")}
        assert len(one) == 4

    @pytest.mark.parametrize(
        "wrong",
        ["abc", "|abc", "https://a.org", "https://a.org|", "https://a.org| ", "http://a.org|x", "https://|x",
         "https://a.org?t=1|x", "https://a.org#t|x", "https://me@a.org|x", "ftp://a.org|x", "https://[|x",
         "http://localhost.evil.org|x", "https://a.org|undefined", "https://a.org|null"],
    )  # fmt: skip
    def test_what_is_no_account(self, wrong: str) -> None:
        """A part is missing, or the issuer is not an https address of its own, or the subject is nobody."""
        assert refused((wrong, "oidc"))


class TestSecrets:
    """API keys and anonymous tokens: only a keyed hash is kept."""

    @pytest.mark.parametrize("type", ["api_key", "anonymous"])
    def test_hashed_and_masked(self, type: str) -> None:
        """Nothing of it but four characters at each end is left; a short one shows nothing."""
        made = Kinds().normal_form((SECRET, type), KEY)
        assert made.shown == "sk-0…cdef" and "0123456789" not in made.value and len(made.value.strip()) == 64
        assert shown(("short", type)) == "…"
        assert Kinds().normal_form((SECRET, type), b"other key").value != made.value
        assert Kinds().normal_form(SECRET, KEY).hashed == made.value

    def test_a_hash_is_not_the_secret(self) -> None:
        """Who has read the store cannot write what is in it."""
        stored = value((SECRET, "api_key"))
        for raw in (stored, (stored, "internal"), (stored, "api_key")):
            made = Kinds().normal_form(raw, KEY)
            assert stored not in (made.value, made.hashed)

    def test_a_token_is_known_without_its_type(self) -> None:
        """It must not be stored as it is because an application forgot the type; a name that begins so is a name."""
        assert Kinds().normal_form(TOKEN, KEY) == Kinds().normal_form((TOKEN, "anonymous"), KEY)
        assert Kinds().normal_form("anon_kim", KEY).type == ""


class TestOtherTypes:
    """Byte for byte, unless the channel says otherwise."""

    def test_github_has_no_case(self) -> None:
        """Logins are compared so there; a numeric id stays; what was written is shown."""
        assert value(("Octo-Cat", "github")) == value(("octo-CAT", "GitHub")) == "octo-cat"
        assert shown(("Octo-Cat", "github")) == "Octo-Cat" and value((583231, "github")) == "583231"

    @pytest.mark.parametrize("type", ["slack", "telegram", "discord", "internal", "crm", ""])
    def test_the_rest_is_exact(self, type: str) -> None:
        """Known or not."""
        assert value(("aBc 1", type)) == "aBc 1"


class TestRefused:
    """What a program writes when it does not know the user."""

    @pytest.mark.parametrize("nobody", DEFAULT_REFUSED)
    def test_nobody_in_any_case_under_any_type(self, nobody: str) -> None:
        """With and without a type."""
        for written in (nobody, f" {nobody.upper()} ", nobody.title()):
            assert all(refused((written, type)) for type in ["", "crm", *TYPES])

    @pytest.mark.parametrize("number", [0, -1])
    def test_nobody_as_a_number(self, number: int) -> None:
        """The number is its text."""
        assert refused(number) and refused((number, "telegram")) and refused({"identifier": number})

    def test_the_list_can_be_replaced(self) -> None:
        """Then only what is in it is refused."""
        kinds = Kinds(refused=["Kiosk"])
        assert refused("KIOSK", kinds) and value("null", kinds) == "null" and value(0, kinds) == "0"

    def test_the_error_says_what_to_do(self) -> None:
        """It names the value and the setting."""
        with pytest.raises(InvalidIdentifierError, match=r"'undefined'.*identity\.refused_values"):
            value(("undefined", "slack"))


class TestAnApplicationsOwn:
    """Custom types have the manners that their application gives them."""

    def test_its_normal_form_and_its_look(self) -> None:
        """Ticket 7 is ticket 007."""
        kinds = Kinds([IdentifierKind("ticket", lambda text: str(int(text)), lambda normal: f"#{normal}")])
        assert value(("007", "ticket"), kinds) == "7" and shown(("007", "ticket"), kinds) == "#7"
        with pytest.raises(InvalidIdentifierError, match="ticket"):
            value(("seven", "ticket"), kinds)
        assert refused(("000", "ticket"), kinds)

    def test_texts_of_its_own_class_become_plain_ones(self) -> None:
        """What goes on from here is a text and nothing else: it is stored, and written to files, in many places."""

        class Styled(str):
            """A text with something more to it."""

        kinds = Kinds([IdentifierKind("ticket", Styled, lambda normal: Styled("#7"))])
        made = kinds.normal_form((Styled("7"), "ticket"), KEY)
        assert (made.value, made.shown) == ("7", "#7")
        assert {type(one) for one in (made.value, made.type, made.shown, made.hashed)} == {str}

    def test_a_secret_of_its_own(self) -> None:
        """Hashed, masked and found without its type like an API key."""
        kinds = Kinds([IdentifierKind("badge", secret=True)])
        made = kinds.normal_form((SECRET, "badge"), KEY)
        assert made.shown == "sk-0…cdef" and SECRET not in made.value
        assert kinds.normal_form(SECRET, KEY).hashed == made.value and "badge" in kinds.secret_types

    @pytest.mark.parametrize("made", ["", " ", "a\nb", "x" * 256])
    def test_what_it_makes_is_looked_at(self, made: str) -> None:
        """A function's mistake is refused and not stored."""
        assert refused(("x", "odd"), Kinds([IdentifierKind("odd", lambda text: made)]))

    def test_it_may_replace_a_known_type(self) -> None:
        """Its own word on Slack ids stands before ours."""
        assert value(("u1", "slack"), Kinds([IdentifierKind("slack", str.upper)])) == "U1"

    @pytest.mark.parametrize(
        "custom",
        [
            [IdentifierKind("Two Words")], [IdentifierKind("")], [IdentifierKind("CRM")],
            [IdentifierKind("crm"), IdentifierKind("crm")], [IdentifierKind("api_key")], [IdentifierKind("anonymous")],
        ],
    )  # fmt: skip
    def test_what_cannot_be_a_type(self, custom: list[IdentifierKind]) -> None:
        """A name that no caller can write, the same twice, and a secret in clear stop the start."""
        with pytest.raises(SettingsError):
            Kinds(custom)


@dataclass
class Held:
    """A transaction that sees so many Slack ids."""

    slack: int

    def identifiers(self, user_id: UserId) -> list[LinkedIdentifier]:
        now = datetime.now(UTC)
        return [LinkedIdentifier("slack", f"U{n}", f"U{n}", now, "associate", None) for n in range(self.slack)]


class TestLimits:
    """How many identifiers of a type one person can have."""

    def test_each_type_has_one(self) -> None:
        """The default, the type's own, the setting before it; no type, no limit."""
        kinds = Kinds([IdentifierKind("badge", limit=2)], limits={"slack": 3, "api_key": None, "crm": 1})
        assert [kinds.limit(type) for type in ("email", "badge", "slack", "api_key", "crm", "")] == [
            DEFAULT_LIMIT, 2, 3, None, 1, None,
        ]  # fmt: skip

    def test_only_what_was_linked_is_counted(self) -> None:
        """At the limit is allowed, above it not; a type that was over it before is no reason to refuse another."""
        kinds, user = Kinds(limits={"slack": 3}), new_user_id()
        slack, mail = kinds.normal_form(("U1", "slack"), KEY), kinds.normal_form("a@x.org", KEY)
        kinds.check_limits(Held(3), user, [slack])
        kinds.check_limits(Held(4), user, [mail])
        with pytest.raises(IdentifierLimitError) as error:
            kinds.check_limits(Held(4), user, [mail, slack])
        assert error.value.details == {"type": "slack", "limit": 3} and "'slack'" in error.value.message


@pytest.mark.parametrize(
    "wrong",
    [{"phone_region": "de"}, {"phone_region": "Germany"}, {"limits": {"slack": 0}}, {"limits": {"Two Words": 1}},
     {"attractor_users": 0}, {"refused_values": "null"}],
)  # fmt: skip
def test_wrong_settings(wrong: dict[str, object]) -> None:
    """They stop the start."""
    with pytest.raises(ValidationError):
        FormationSettings.model_validate({"identity": wrong})
