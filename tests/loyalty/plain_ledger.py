"""A points account written to be obviously right: every point is an object, and says where it is."""

from dataclasses import dataclass, field


@dataclass
class Point:
    """One point: ``pending``, ``active``, ``held`` or ``gone``; ``hold`` is whose it is, or was when it was spent."""

    earning: str
    expires: int | None
    state: str
    activates: int = 0
    hold: str = ""


@dataclass
class PlainLedger:
    """An account; instants are plain numbers."""

    points: list[Point] = field(default_factory=list)
    holds: dict[str, str] = field(default_factory=dict)
    """The state of each hold: ``held``, ``pinned``, ``posted``, ``returned``; none where it is gone."""
    deadlines: dict[str, int] = field(default_factory=dict)
    brought: dict[str, int] = field(default_factory=dict)
    """What each earning brought that was not taken back."""
    recalled: dict[str, int] = field(default_factory=dict)
    """Points of each earning that were not there when it was taken back: they are gone when they come back."""
    owed: int = 0
    """Points that were spent and not there: the next ones that come are gone at once."""

    def count(self, state: str) -> int:
        return sum(point.state == state for point in self.points)

    def wait_until(self, now: int) -> None:
        """Do what time brings."""
        for hold in [hold for hold, state in self.holds.items() if state == "held" and self.deadlines[hold] <= now]:
            self._free(hold)
        self._come([point for point in self.points if point.state == "pending" and point.activates <= now])
        for point in self.points:
            if point.state in ("pending", "active") and point.expires is not None and point.expires <= now:
                point.state = "gone"

    def earn(self, earning: str, points: int, now: int, activates: int, expires: int | None) -> None:
        self.brought[earning] = points
        new = [Point(earning, expires, "pending", activates) for _ in range(points)]
        self.points += new
        if activates <= now:
            self._come(new)
        self.wait_until(now)

    def spend(self, points: int) -> int:
        """Take points that are gone, and return how many of them were there."""
        there = self._next(points)
        for point in there:
            point.state = "gone"
        self.owed += points - len(there)
        return len(there)

    def _come(self, points: list[Point]) -> None:
        """Let points become active, the first to expire first."""
        for point in sorted(points, key=_expiry):
            earning = point.earning.partition("+")[0]
            point.state = "gone" if self.owed or self.recalled.get(earning) else "active"
            if self.owed:
                self.owed -= 1
            elif self.recalled.get(earning):
                self.recalled[earning] -= 1

    def _free(self, hold: str) -> None:
        del self.holds[hold]
        self._come([point for point in self.points if point.state == "held" and point.hold == hold])

    def _next(self, points: int) -> list[Point]:
        """Return the active points that are spent next."""
        active = [point for point in self.points if point.state == "active"]
        return sorted(active, key=_expiry)[:points]

    def hold(self, hold: str, points: int, deadline: int) -> str:
        if hold in self.holds:
            return self.holds[hold]
        if self.count("active") < points:
            return "short"
        for point in self._next(points):
            point.state, point.hold = "held", hold
        self.holds[hold], self.deadlines[hold] = "held", deadline
        return "held"

    def pin(self, hold: str) -> str:
        if self.holds.get(hold) == "held":
            self.holds[hold] = "pinned"
        return self.holds.get(hold, "gone")

    def release(self, hold: str, now: int) -> str:
        if self.holds.get(hold) == "held":
            self._free(hold)
            self.wait_until(now)
        return self.holds.get(hold, "gone")

    def post(self, hold: str) -> str:
        if self.holds.get(hold) in ("held", "pinned"):
            self.holds[hold] = "posted"
            for point in self.points:
                if point.state == "held" and point.hold == hold:
                    point.state = "spent"
        return self.holds.get(hold, "gone")

    def give_back(self, hold: str, now: int, grace: int) -> str:
        if self.holds.get(hold) == "posted":
            self.holds[hold] = "returned"
            back = [point for point in self.points if point.state == "spent" and point.hold == hold]
            self._come(back)
            for point in back:
                if point.expires is not None and point.expires <= now:
                    point.expires, point.earning = grace, f"{point.earning}+{hold}"
            self.wait_until(now)
        return self.holds.get(hold, "gone")

    def reverse(self, earning: str) -> None:
        """Take back what an earning brought: its own points first, then others; of what is not there, what comes back."""
        brought, self.brought[earning] = self.brought[earning], 0
        own = [point for point in self.points if point.earning == earning and point.state in ("pending", "active")]
        own = own[:brought]
        for point in own:
            point.state = "gone"
        others = self._next(brought - len(own))
        for point in others:
            point.state = "gone"
        self.recalled[earning] = self.recalled.get(earning, 0) + brought - len(own) - len(others)

    def send(self, points: int, to: "PlainLedger", now: int) -> bool:
        if self.count("active") < points:
            return False
        there = self._next(points)
        for point in there:
            point.state = "gone"
        arrived = [Point("transfer", point.expires, "active") for point in there]
        to.points += arrived
        to._come(arrived)
        to.wait_until(now)
        return True


def _expiry(point: Point) -> int:
    return point.expires or 10**18
