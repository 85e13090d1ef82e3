"""Blind phrasings of the relations of objects, places, groups and events, six a relation.

Written by an author who had not seen the grader, its tables, or any other phrasings;
used only for measuring how much natural wording the grader reads, never for fitting it.
`{s}` is the subject, `{o}` the object, as in `fixtures/stories/relations.toml`.
"""

from __future__ import annotations

BLIND_THINGS: dict[str, tuple[str, ...]] = {
    "owner": (
        "{s} belongs to {o}.",
        "{s} is in {o}'s possession.",
        "{o}'s possessions include {s}.",
        "Ownership of {s} lies with {o}.",
        "The person who owns {s} is {o}.",
        "{s} is {o}'s.",
    ),
    "maker": (
        "{s} was crafted by {o}.",
        "{s} is {o}'s handiwork.",
        "{o} created {s}.",
        "The hands that fashioned {s} were {o}'s.",
        "The creation of {s} is owed to {o}.",
        "{o} is the artisan who produced {s}.",
    ),
    "material": (
        "{s} is crafted from {o}.",
        "{o} is what {s} is made from.",
        "Whoever made {s} used {o}.",
        "{s} consists of {o}.",
        "In terms of material, {s} is {o}.",
        "{s} is built out of {o}.",
    ),
    "kept": (
        "{s} is stored in {o}.",
        "{s} is currently housed in {o}.",
        "The place where they keep {s} is {o}.",
        "Anyone looking for {s} should go to {o}.",
        "{s} lies safely tucked away in {o}.",
        "{o} is home to {s}.",
    ),
    "power": (
        "{s} is able to {o}.",
        "{s} has the ability to {o}.",
        "What {s} does is {o}.",
        "The special thing about {s} is that it can {o}.",
        "{s} lets anyone who uses it {o}.",
        "To {o} is the gift that {s} bestows.",
    ),
    "ruler": (
        "{o} rules over {s}.",
        "{s} is governed by {o}.",
        "{s}'s ruler is {o}.",
        "{s} is under {o}'s rule.",
        "The one who wears the crown in {s} is {o}.",
        "{o} reigns in {s}.",
    ),
    "founder": (
        "{s} was established by {o}.",
        "{s}'s founder was {o}.",
        "{o} is credited with founding {s}.",
        "The founding of {s} goes back to {o}.",
        "It was {o} who brought {s} into being.",
        "{s} is a settlement that {o} started.",
    ),
    "near": (
        "{s} is located near {o}.",
        "{s} is right next to {o}.",
        "{s} is just a stone's throw from {o}.",
        "{s} lies in the vicinity of {o}.",
        "If you are in {s}, {o} is just down the road.",
        "{o} is the closest neighbour of {s}.",
    ),
    "famous": (
        "{s} is renowned for {o}.",
        "{s}'s claim to fame is {o}.",
        "It is {o} that put {s} on the map.",
        "What {s} is best known for is {o}.",
        "{s} is celebrated far and wide for {o}.",
        "{s} has a great reputation for {o}.",
    ),
    "leader": (
        "{o} heads {s}.",
        "{o} is in charge of {s}.",
        "The head of {s} is {o}.",
        "The members of {s} answer to {o}.",
        "Leadership of {s} rests with {o}.",
        "{o} serves as the commander of {s}.",
    ),
    "seat": (
        "The headquarters of {s} is in {o}.",
        "Meetings of {s} are held in {o}.",
        "The members of {s} come together in {o}.",
        "{o} is the seat of {s}.",
        "{o} serves as the base of {s}.",
        "If you want to attend a meeting of {s}, you have to go to {o}.",
    ),
    "duty": (
        "It is the job of {s} to {o}.",
        "The mission of {s} is to {o}.",
        "To {o} is the responsibility of {s}.",
        "People rely on {s} to {o}.",
        "The members of {s} are duty-bound to {o}.",
        "The purpose of {s} is to {o}.",
    ),
    "site": (
        "{s} occurred in {o}.",
        "{s} unfolded in {o}.",
        "{o} is where {s} played out.",
        "The setting of {s} was {o}.",
        "The location of {s} was {o}.",
        "The people of {o} had {s} happen right on their doorstep.",
    ),
    "cause": (
        "{o} brought about {s}.",
        "{s} was {o}'s doing.",
        "{o} was responsible for {s}.",
        "{s} was triggered by {o}.",
        "The person behind {s} was {o}.",
        "{s} came about because of {o}.",
    ),
    "after": (
        "{s} took place after {o}.",
        "{o} was followed by {s}.",
        "{o} preceded {s}.",
        "{s} occurred in the wake of {o}.",
        "By the time of {s}, {o} had already happened.",
        "Once {o} was over, {s} came next.",
    ),
    "year": (
        "{s} took place in {o}.",
        "{s} occurred in the year {o}.",
        "{s} dates back to {o}.",
        "It was in {o} that {s} occurred.",
        "{o} was the year in which {s} took place.",
        "Chroniclers place {s} in the year {o}.",
    ),
}
