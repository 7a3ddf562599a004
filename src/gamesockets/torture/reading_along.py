"""x"""
class ReadingAlong:
    def __init__(self, world): pass
    def watch(self, end): pass
    def was_read(self, end): pass
    def check(self): pass
