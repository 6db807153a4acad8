"""What the exercise modules are made of: the machinery of all checks.

`verdicts` shows, `guard` keeps what students write at arm's length, `tasks`
and `code` hold the kinds of task, `results` the one for experiments,
`mistakes` the mistakes that recur, and `notebook` names the tasks of a
module. An exercise module imports from here.
"""
