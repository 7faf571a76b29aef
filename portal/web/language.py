"""The language of an answer: what the person chose, else the first of ours that the browser asks for."""

from gettext import NullTranslations

from babel import negotiate_locale
from flask import Flask, request
from flask_babel import Babel, force_locale, get_locale, get_translations, refresh
from werkzeug.wrappers import Response

from portal import translation
from portal.domain.people.people import User
from portal.web import cookies

LANGUAGE_COOKIE = "language"
# A path from the root of the app.
_TRANSLATIONS = "translations"


def install(app: Flask) -> None:
    """Gives templates `_`, `ngettext` and `translated`, and each request its language."""
    Babel(app, default_translation_directories=_TRANSLATIONS, locale_selector=chosen)
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    translation.plug(_translations)
    # Looked up where the domain looks up its own, so that a page speaks one language.
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # of the extension
        translation.translated, translation.translated_count, newstyle=True
    )
    app.jinja_env.globals.update(translated=translation.translated, N_=translation.N_)

    @app.before_request
    def _speak() -> None:
        refresh()  # a context may have seen a request before this one
        translation.speak(str(get_locale()))

    @app.teardown_request
    def _fall_silent(_: BaseException | None) -> None:
        translation.speak(translation.SOURCE)


def chosen() -> str:
    """The language of this request; English where it has none of ours."""
    kept = request.cookies.get(LANGUAGE_COOKIE, "")
    if kept in translation.LANGUAGES:
        return kept
    asked = list(request.accept_languages.values())
    return negotiate_locale(asked, translation.LANGUAGES, sep="-") or translation.SOURCE


def remembered(response: Response, person: User) -> Response:
    """The language that the person chose elsewhere, unless one was chosen in this browser."""
    if person.language is None or LANGUAGE_COOKIE in request.cookies:
        return response
    return cookies.keep(response, LANGUAGE_COOKIE, person.language)


def _translations(language: str) -> NullTranslations:
    with force_locale(language):
        found: NullTranslations = get_translations()
        return found
