"""What users say about themselves, found by rules: English, without a model, precise rather than complete.

- `extract`: a message in, operations on the user's context out; the way through all the rest;
- `types`: operation, rule and what a rule is given;
- `sentences`: which sentences and clauses of a message may speak about the user at all;
- `phrases`: where a name, place or thing ends in a clause;
- `vocabulary`: countries, languages, occupations and other closed lists;
- `*_rules`: the rules, by what they are about;
- `amounts`: sums of money;
- `corrections`: "make it $6,000", "no, I meant Berlin".

Paths, with one value each: ``name``, ``nickname``, ``age``, ``birthday`` (``1990-05-05``, ``--05-05`` without a year,
``1990``), ``location.city``, ``location.region``, ``location.country``, ``location.origin``, ``work.role``,
``work.employer``, ``education.field``, ``education.school``, ``health.diet``, ``budget``, ``budgets.<purpose>``,
``time_zone``, ``contact.email``, ``contact.phone``, ``contact.address``, ``preferences.theme``,
``preferences.language``, ``preferences.favourites.<noun>``, ``relations.<kind>.name`` for those of whom one has one
(wife, mother, boss), ``events.<noun>`` (a day: ``events.flight``).

Paths with lists: ``preferences.likes``, ``preferences.dislikes``, ``health.allergies``, ``health.avoids``,
``health.conditions``, ``languages``, ``goals``, ``relations.<kind>.names`` (daughter, friend), ``pets.<kind>.names``.
"""
