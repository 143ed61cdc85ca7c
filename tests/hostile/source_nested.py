# MUST: syntax_error|crashed|exception|no_entry_point|memory_limit :: what overflows a compiler
solve_task = eval('(' * 5000 + ')' * 5000)
