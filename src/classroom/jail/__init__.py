"""Where submissions run: a warm process inside bubblewrap, which forks a student's kernel and a tester for each.

    worker (outside)        reads the submission, keeps the time, asks nbgrader to store the grade      worker.py
      └─ bubblewrap         no network, no files but the interpreter's, none of the user's rights
           └─ zygote        has imported what the assignment imports; only forks and kills              zygote.py
                ├─ student  the submission's cells, and calls of its functions                          student.py
                └─ tester   the tests; never runs a learner's code, only asks the student for results   tester.py

The two kernels are in process, mount and IPC namespaces of their own and talk through the worker, in data alone
(wire.py): whatever a student's kernel does to itself, no test runs in it, and what it sends is numbers and words.
"""
