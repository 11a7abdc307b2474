"""One name for what stands in columns or fields of ranks."""

__all__ = ["name_of_ranks"]

_NO_RESULT = "no cv result"  # as Wildlife Insights and SpeciesNet call it, in ranks and names


def name_of_ranks(ranks: tuple[str, ...], common: str) -> str:
    """Return genus and species; else the lowest rank that is stated, else the common name; "" for no result.

    Args:
        ranks: class, order, family, genus, species; the species without its genus.
        common: name in words.

    Example:
        >>> name_of_ranks(("Mammalia", "Carnivora", "Felidae", "Panthera", "onca"), "Jaguar")
        'Panthera onca'
        >>> name_of_ranks(("Mammalia", "Carnivora", "", "", ""), "Carnivore"), name_of_ranks(("",) * 5, "Vehicle")
        ('Carnivora', 'Vehicle')
        >>> name_of_ranks(("No CV Result",) * 5, "No CV Result")
        ''
    """
    if _NO_RESULT in (word.lower() for word in (*ranks, common)):
        return ""
    genus, species = ranks[-2:]
    if genus and species:
        return f"{genus} {species}"
    return next((rank for rank in reversed(ranks) if rank), common)
