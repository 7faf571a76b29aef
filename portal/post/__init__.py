"""Post: letters by SMTP and messages to webhooks, and what keeps either from arriving."""


class Undelivered(Exception):
    """It didn't arrive, in words without secrets. `final`: it never will. `silent`: nobody answered.

    `content`: it may be for what it holds, so that less of it might.
    """

    def __init__(
        self, words: str, *, final: bool = False, silent: bool = False, content: bool = False
    ) -> None:
        super().__init__(words)
        self.words = words
        self.final = final
        self.silent = silent
        self.content = content
