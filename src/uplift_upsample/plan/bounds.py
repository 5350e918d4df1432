"""Numbers of the configuration, with the bounds that they must keep (``checked.within_bounds``)."""

from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt

Count = Annotated[int, Ge(1)]
Number = Annotated[int, Ge(0)]  # of what need not be there
Seed = Annotated[int, Ge(0), Lt(2**32)]  # what NumPy and the frameworks take
NonNegative = Annotated[float, Ge(0)]
Rate = Annotated[float, Ge(0), Lt(1)]
Share = Annotated[float, Ge(0), Le(1)]
Ratio = Annotated[float, Gt(0)]
PositiveShare = Annotated[float, Gt(0), Le(1)]
