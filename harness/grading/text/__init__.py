"""What of a model's text is graded: the answer, without what stands around it.

Every grader reads the same text, so that an answer means the same to each. A text goes through

1. `thinking.py`: blocks in which a model thinks are taken off, closed, half-open or never
   closed; `left_open.py` knows the thinking that a prompt began and nothing in the text tells;
2. `dress.py`: JSON, tags, boxes, bold and "Final answer:" are taken off, from right answers and
   from refusals alike. `said.py` does both and keeps what came off;
3. `unreadable.py`: other languages, code, tables and links are no answer that can be read:
   they are left out, and where nothing else is there the cause is told;
4. `prepare.py`: what is left is cleaned, cut where the prompt leaks or another turn begins, and
   split into sentences, and whether it is hardly anything but repetition is said.

For example `<think>hm</think>{"answer": "**He was a weaver.**"}` is one sentence, "He was a
weaver.", with thinking taken off.

Words in a form in which one template covers tense, person and spelling are `words.py`'s; whole
numbers in digits and words `numbers.py`'s; how English a word looks `spelling.py` and
`salad_words.py` tell. Why an answer says nothing (`Cause`) is told by `silence.py`, last, from how
it came and what the grader made of it.
"""
