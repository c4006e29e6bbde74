"""Which characters and pieces Chinese text is made of."""

HAN = ((0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))
# CJK symbols, full-width forms, general punctuation, the middle dot
PUNCTUATION = ((0x3000, 0x303F), (0xFF00, 0xFFEF), (0x2010, 0x2027), (0xB7, 0xB7))
ASCII_SIGNS = ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E))


def has_han(text: str) -> bool:
    """Say whether a Chinese character stands in a text."""
    return any(within(c, HAN) for c in text)


def within(character: str, *ranges: tuple[tuple[int, int], ...]) -> bool:
    """Say whether a character is in one of some ranges."""
    return any(low <= ord(character) <= high for range_ in ranges for low, high in range_)


def occurs_in_chinese(token: str) -> bool:
    """Say whether BERT's pre-tokenizer, which isolates Han and signs, can let a piece occur."""
    stem = token.removeprefix("##")
    return len(token) == 1 or not any(within(c, HAN, PUNCTUATION, ASCII_SIGNS) for c in stem)


def is_chinese_piece(piece: str) -> bool:
    """Say whether a unigram piece is of Chinese characters, signs and digits, or one of ASCII."""
    stem = piece.removeprefix("▁")
    if len(stem) <= 1 and stem.isascii():
        return True
    return all(within(c, HAN, PUNCTUATION) or c in "0123456789" for c in stem)
