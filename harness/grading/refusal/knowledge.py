"""Wordings by which an answer says that it does not know, or that there is nothing to know.

Written from general English and from the answers in `tests/grading/refusal_cases.jsonl`,
over the normal form of `refusal/cues.py`.
"""

from __future__ import annotations

from harness.grading.refusal.cues import Wording, cues

_SELF = " i| we"
_ADVERB = (
    r"(?: (?:really|currently|unfortunately|actually|personally|yet|just|simply|even|ever|quite"
    r"|also|fully|either|entirely|completely|exactly|honestly|necessarily|readily|clearly"
    r"|therefore|still|ethically|morally|legally|directly|respectfully|possibly|truly"
    r"|definitively|accurately|absolutely|certainly|in good conscience|and will not|or will not"
    r"|and should not|be|been|,)){0,3}"
)
_NOT = (
    r"(?: am not| are not| was not| were not| do not| did not| does not| is not| can not| could"
    r" not"
    r"| will not| would not| must not| should not| may not| shall not| have not| had not| never)"
)
_INFORMATION = (
    r"(?:information|knowledge|answers?|details?|data|records?|idea|clue|memory|context|facts"
    r"|figures"
    r"|evidence|source)"
)
_STORY = (
    r"(?:story|stories|texts?|passages?|books?|tales?|narrative|context|articles?|documents?"
    r"|sources?|corpus|world|information|data|records?|paragraphs?|chapters?|author|material"
    r"|history|report|chronicle|manual|excerpt|snippet|transcript|novel|question)"
)
_TELL = (
    r"(?:say|says|said|tell|tells|told|mention\w*|state|states|stated|specif\w+|contain|contains"
    r"|name|names|named|give|gives|given|provid\w+|describ\w+|includ\w+|explain\w*|reveal\w*"
    r"|indicate\w*|know|answer|have|refer|speak|record\w*|list|make|clear|cover\w*|disclos\w+"
    r"|documented|known|part of|appear|found|present|elaborate|address)"
)
_WHO = r"(?:who|what|where|when|why|how|which|whether|if)"

KNOWLEDGE: dict[str, tuple[Wording, ...]] = {
    "no_knowledge": cues(
        rf"{_NOT}{_ADVERB} (?:know|recall|remember|aware|familiar|sure|certain|confident"
        r"|able to (?:find|answer|say|tell|determine|identify|locate|verify|confirm|recall"
        r"|locate)"
        r"|recogni[sz]e|find (?:any|an?|the|that|this|out|information|anything)"
        r"|see (?:any|a|the) (?:mention|reference|information)"
        rf"|tell (?:you )?(?:\S+ )?{_WHO}|tell from|tell for|(?:say|tell)(?: \S+)? [.]"
        rf"|say (?:{_WHO}|for|with)|answer|determine|identify|verify|confirm|(?:quite )?understand"
        r"|have (?:any |enough |sufficient |specific |the |an |a |that |such |much |up-to-date "
        r"|current |detailed |reliable |further |more |particular |exact |precise |\S+ ){0,3}"
        rf"{_INFORMATION}|have the exact|seen (?:it|that|this|the|[.,])|been (?:told|given"
        r"|trained"
        r" on))",
        r"(?: have| had| found?| see| know of| know| can find| can see) (?:absolutely )?(?:no"
        r"|nothing|little)"
        rf" ?(?:\S+ ){{0,2}}?(?:{_INFORMATION}|about|one|person|such|mention|reference|way|with"
        r"|by|on|to|called)",
        r"(?: am| was| are| were)(?: \S+)? (?:unable to (?:find|answer|say|tell|determine"
        r"|identify"
        r"|locate"
        r"|verify|confirm|recall|give an? answer|provide an? answer)|uncertain|unsure|unaware"
        r"|unfamiliar)",
        r" (?:lack|would need|am lacking|am missing|am drawing a blank)(?! of) ?(?:more|further"
        r"|additional"
        r"|the|any|sufficient|enough|specific|on)?",
        r" (?:have|had) never (?:heard|come across|encountered|seen any)",
        r" do not (?:believe|think)(?: that)? (?:there (?:is|was|are|were)|such|any)",
        r" can not be (?:sure|certain)",
        heads=_SELF,
    ),
    "fragment": cues(
        r"(?:(?:not able|unable|not possible) to (?:answer|say|tell|know|determine|find)"
        r"|(?:no idea|no clue|no answer|no information(?! is lost)|not known|unknown|not stated"
        r"|not mentioned"
        r"|not told|not specified|not given|unanswerable|can not (?:say|tell|be answered|answer"
        r"|recall|be determined)|do not know|not sure|nobody knows|no one knows|n/a|beats me"
        r"|none is (?:given|named|mentioned)|(?:this|that) is not known|not enough information"
        r"|no data(?= [.\n])|never heard of|who knows|hard to say|impossible to (?:say"
        r"|know|tell)"
        r"|not applicable|no mention|not provided|not found) )",
        heads="\n |\n sorry , |\n sorry |\n hmm , ",
    ),
    "no_such": cues(
        r"(?: (?:is|are|was|were|has been|seems to be|appears to be|exists?|may be|must be))(?:"
        r" \S+)?"
        r" (?:no|not any|nobody|nothing|not (?:a|an|enough|sufficient|one))(?: \S+){0,4}?"
        rf" (?:{_INFORMATION}|mention|person|character(?! limit)|one (?:called|named|by"
        r"|of|in|with"
        r"|who)"
        r"|anyone|somebody|someone|place|such|called|named|known|by (?:that|the|this) name"
        rf"|in (?:the|this) {_STORY}|way (?:to|of|for \S+ to) (?:know|tell|say|answer|be"
        r"|determine"
        r"|knowing|telling)"
        r"|reference|indication|definitive|entity|figure|city|town|object|group|event)(?! desk"
        r"| lost| loss| that)",
        r" (?:do not|does not|did not) (?:appear|seem) to (?:be|have been|exist)",
        heads=" there",
    )
    + cues(
        r"(?: [\w-]+)?(?: [\w-]+)? (?:called|named|with (?:that|the|this|such a) name|by (?:that"
        r"|the|this|such a) name"
        r"|of (?:that|this|such a) name|exists?|existed|(?:is|was|are|were) (?:mentioned|named"
        r"|known|recorded|found|listed)"
        r"|appears?|is there)",
        heads=(
            " no one| nobody| no person| no character| no man| no woman| no place| no city"
            "| no town| no object| no thing| no group| no event| no such| no entity"
            "| no body| no-one| no novel| no book| no king| no film| no record"
        ),
    )
    + cues(
        r"(?: of| about| on| that|(?: is| was)(?! lost| needed| required)| for| in| to"
        r"| available"
        r"| given| regarding| can| [.,])",
        heads=(
            " no mention| no information| no record| no reference| no details| no data"
            "| no indication| no answer| no records"
        ),
        before=r"^\n (?:\S+ ){0,8}$",
    )
    + cues(
        r"(?: really| actually| seem to| appear to| ever| have)?(?: \S+)? (?:exist|existed)(?:"
        r" [.,\n]| in (?:the|this|our|my)| outside)",
        r"(?: seem to| actually)? (?:appear(?! to)|occur|feature|figure|match)\b(?! to be)",
        heads=" does not| do not| did not| has never| have never| never| can not",
    )
    + cues(
        r"(?: \S+)? (?:a|an|any|one of the|among the)(?: \S+){0,2}?"
        r" (?:character|person|people|place|real|known|entity|figure|name|names|part)s?\b(?! "
        r"(?:who|that|which))",
        r"(?: a)? (?:part of|in|about|from|told in|named in) (?:the|this|that|our|my) (?:story"
        r"|text|tale|book"
        r"|world|passage|context|document)\b",
        heads=" is not| was not| are not| were not| is also not",
    )
    + cues(
        r" (?:character|person|place|entity|name|scenario|event|country|city|figure|and)\b[^\n"
        r"]{0,80}"
        r" (?:not|no|never) ",
        heads=(" fictional| fictitious| imaginary| made-up| invented| nonexistent| non-existent"),
        before=r" (?:is|are|was|were) (?:a |an )?$",
    )
    + cues(
        r" (?:of|about|who|what|anyone|anybody|any)\b",
        heads=" not heard| never heard",
    )
    + cues(
        r"(?: ,)? (?:there (?:is|was|are|were) no|no|none|nobody|nothing|it (?:is|was) not|he"
        r"|she|they|the \S+)(?: \S+){0,5}? (?:exists?|no|not|never|met|no one)\b",
        heads=(
            "\n as far as i know|\n to my knowledge|\n to the best of my knowledge"
            "|\n as far as i am aware"
        ),
    )
    + cues(r" (?:exists?|existed)", heads=" if he| if she| if they| if it| if such"),
    "silent": cues(
        r"(?: ever| even| actually| explicitly| specifically| clearly| directly| really| seem"
        r" to)?"
        rf" {_TELL}\b",
        heads=(
            " does not| do not| did not| has not| never| nowhere| is not| can not| are not"
            "| have not| fails to"
        ),
        before=(
            rf" {_STORY}(?: (?:itself|provided|given|above|here|you \S+|of the \S+|in question"
            r"))?"
            r" ?$"
        ),
    )
    + cues(
        rf"(?: explicitly| specifically| clearly| ever| even| been| be| directly){{0,2}} {_TELL}"
        r"(?: \S+)?(?: \S+)? (?:in|by|of|within|anywhere|at) (?:the |this |that |my |our |any"
        r" |these |those |his |her )?"
        rf"(?:given |provided |available |above |original |whole )?{_STORY}\b",
        heads=" not| never| nowhere",
    )
    + cues(
        r"(?: \S+)? (?:information|mention|reference|details?|answer|indication|clues?)\b",
        heads=" no| any mention",
        before=rf" {_STORY} (?:contains?|gives?|provides?|makes?|has|have|offers?|includes?) $",
    )
    + cues(
        rf" (?:in|from) (?:the|this|that|these) (?:\S+ )?{_STORY}\b",
        heads="\n nothing|\n nowhere",
    )
    + cues(
        r"(?: at all| more| much)? (?:known|recorded|said|told|mentioned|stated|written)\b",
        heads="\n nothing is|\n nothing was|\n little is|\n not much is|\n nothing has been",
    ),
    "unknowable": cues(
        r"(?: (?:not|never|nowhere))(?: explicitly| specifically| clearly| publicly| currently"
        r"| generally| yet"
        r"| exactly| entirely| really| at all){0,2}"
        r" (?:mentioned|stated|told|given|said|specified|provided|described|known|clear|revealed"
        r"|recorded|certain"
        r"|possible(?: for me)? to (?:say|know|tell|determine|answer|identify|verify|confirm"
        r"|predict"
        r"|give"
        r"|provide an? (?:exact|accurate|definit\w+|answer)))",
        r"(?: \S+)? (?:unknown|unclear|uncertain|impossible(?: for me)? to (?:say|know"
        r"|tell|determine"
        r"|answer|predict)"
        r"|(?:hard|difficult)(?: for me)? to (?:say|know|tell|determine|answer|predict))",
        heads=" it is| it was| it remains| this is| that is| it has",
    )
    + cues(
        r" (?:knows|knew|can say|could say|can tell|can know|can predict|has ever|really knows"
        r"|is (?:certain|sure))\b",
        heads=" no one| nobody| no-one",
    )
    + cues(
        r" (?:unknown|not (?:exactly |precisely |publicly )?(?:known|stated|told|mentioned|said"
        r"|given|specified|revealed|recorded)|unclear"
        r"|a mystery|never (?:told|said|mentioned|stated|given))\b",
        heads=" is| was| remains| are",
        before=rf" {_WHO} [^\n]{{1,80}}$",
    )
    + cues(
        r"(?: be| been)?"
        r" (?:unknown|not (?:known|given|stated|mentioned|available|told|in|provided|publicly)"
        r"|unavailable|unanswerable)\b",
        heads=" is| was| are| were| has| have| remain| remains",
        before=(
            r" (?:answer|name|identity|information|question|detail|date|origin|cause|number"
            r"|figure)s?(?: of \S+(?: \S+)?)? ?$"
        ),
    )
    + cues(
        r" be (?:answered|determined|known|said|told|found|verified|established|confirmed)\b",
        r" (?:answer (?:that|this|the|your|such)|find (?:any|an?|the) (?:information|mention"
        r"|record"
        r"|answer|reference))",
        heads=" can not| could not| unable to| not able to",
    )
    + cues(
        r"(?: enough)?(?: \S+)? (?:information|context|data|details?|knowledge|evidence) (?:to"
        r"|is|was|about|on|for|regarding|given|provided|available|[.])",
        heads=" insufficient| not enough| lack of| not sufficient| too little",
    )
    + cues(
        r" (?:know|knows|are (?:not )?sure|agree)(?: \S+)? (?:who|when|where|for)",
        heads=" historians do not| experts do not",
    ),
    "beyond": cues(
        r"(?: of)? (?:my|the (?:scope|story|text|passage)|this (?:story|text|passage)|what (?:i"
        r"|the))\b"
        r"(?: \S+){0,4}? ?(?:knowledge|story|scope|text|training|know|data|expertise|says|tells"
        r"|capabilit\w+|abilit\w+)\b",
        heads=" beyond| outside| outwith",
    ),
    "premise": cues(
        r" (?:is|seems|appears|contains|rests|assumes|has|makes|may|might|was)(?: \S+){0,4}?"
        r" ?(?:wrong|false|mistaken|incorrect|flawed|based on|errors?|no answer|inaccurate"
        r"|misleading"
        r"|unclear|nonsens\w+|assumption|mistake|not (?:quite )?(?:right|correct|true)|which is"
        r" not)\b",
        heads=(
            " the question| your question| this question| the premise| this premise"
            "| your premise| the assumption| this assumption| that assumption"
        ),
    )
    + cues(
        r"(?: \S+){0,3}? (?:mistaken|confus\w+|mean|wrong|mixed|mixing|thinking of|referring"
        r" to)\b",
        heads=(
            " you may be| you might be| you must be| you may have| you might have"
            "| perhaps you| maybe you| did you| do you| you might| are you"
        ),
        before=r"^\n (?:\S+ ){0,6}$",
    )
    + cues(
        r"(?: \S+){0,2} (?:confusion|mistake|misunderstanding|error|mix-up|typo)(?: \S+){0,3}?"
        r" (?:in|with|about|here|[.])",
        heads=(
            " there seems to be| there may be| there might be| there appears to be"
            "| there must be| there is some"
        ),
    )
    + cues(r"", heads="trick question| so the question has no| so there was no answer"),
    "ask_back": cues(
        r"(?: please)?(?: perhaps| kindly)? (?:clarify|paste|provide (?:more|additional|further"
        r"|some|me)|give me (?:more|some|a)|specify|elaborate|rephrase"
        r"|tell me more|be more specific|check|restate|let me know (?:what|which|who)"
        r"|share more)\b",
        heads=" could you| can you| would you| please| kindly",
    )
    + cues(
        r" (?:more|additional|further|any|specific|enough)(?: \S+)? (?:context|information"
        r"|details?"
        r"|data)(?: ,)? (?:it|i|we)\b",
        heads=" without",
    )
    + cues(
        r"(?: me| us)?(?: with)?(?: some| any)? (?:more|additional|further) (?:context"
        r"|information"
        r"|details?|background)",
        heads=(
            " if you can give| if you can provide| if you could provide| if you provide"
            "| if you give"
        ),
    ),
}
