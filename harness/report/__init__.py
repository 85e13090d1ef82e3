"""What people read: summary, terminal table, Markdown, one HTML file, exports.

Everything here reads a run folder and nothing else: no model is loaded. Text from a model
is hostile and is escaped wherever it is shown.
"""
