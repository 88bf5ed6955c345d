"""Counts the problems that a library reports, by callbacks or in its log. A program ends with their number."""

import logging

count = 0


def report(*what):
    global count
    count += 1
    print("problem:", *what)


class _Handler(logging.Handler):
    def emit(self, record):
        report(record.name, record.getMessage())


logging.getLogger().addHandler(_Handler(logging.WARNING))
