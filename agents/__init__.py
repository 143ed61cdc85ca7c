"""Agents: what turns a task into samples, with a language model or without one."""
