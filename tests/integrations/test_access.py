"""Who may come in: principals see their own only, foreign pages and host names are turned away."""

from pathlib import Path

from tests.integrations.support import ANNA, BERT, MOUNT, Backend, backend_in


async def test_unknown_people_are_turned_away_everywhere(backend: Backend) -> None:
    """Without a principal nothing is answered but 401, the page and the document included."""
    for path in ("/", "/page.js", "/about", "/tasks", "/events", "/openapi.json", "/nothing", f"/tasks/{'a' * 22}"):
        answer = await backend.get(path, by={})
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert (await backend.post(by={})).status_code == 401


async def test_other_principals_tasks_are_not_there(backend: Backend, photo: bytes) -> None:
    """Another's ids, images and events are 404, its list is empty, its idempotency key is a task of one's own."""
    task = (await backend.post(photo, key="a")).json()
    own = task["links"]["self"]
    for path in (own, f"{own}/events", f"{own}/images/0", f"{own}/images/1"):
        assert (await backend.get(path, by=BERT)).status_code == 404
    assert (await backend.http.delete(own, headers=BERT)).status_code == 404
    assert (await backend.get("/tasks", by=BERT)).json()["tasks"] == []
    theirs = (await backend.post(photo, key="a", by=BERT)).json()
    assert theirs["id"] != task["id"]
    assert len((await backend.get("/tasks")).json()["tasks"]) == 1


async def test_odd_names_are_not_there(backend: Backend, photo: bytes) -> None:
    """What is no id of ours, and no number of a picture, is 404, and never becomes a path or a key."""
    own = (await backend.post(photo)).json()["links"]["self"]
    for task in ("%2e%2e", "a", "a" * 23, "web:x", f"{'a' * 21}%2f", "%00" * 22):
        for path in (f"/tasks/{task}", f"/tasks/{task}/events", f"/tasks/{task}/images/0"):
            assert ((await backend.get(path)).status_code, path) == (404, path)
    for number in ("-1", "100", "1x", "٣", "%2e%2e"):
        assert ((await backend.get(f"{own}/images/{number}")).status_code, number) == (404, number)


FROM_PAGES: tuple[tuple[dict[str, str], int], ...] = (
    ({}, 202),
    ({"Origin": "http://localhost"}, 202),
    ({"Origin": "https://localhost", "Host": "localhost"}, 202),
    ({"Origin": "https://shop.example.com"}, 202),
    ({"Sec-Fetch-Site": "same-origin"}, 202),
    ({"Sec-Fetch-Site": "none"}, 202),
    ({"Origin": "http://localhost:81"}, 403),
    ({"Origin": "https://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://localhost.evil.example"}, 403),
    ({"Origin": "http://[::1"}, 403),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Host": "evil.example"}, 400),
    ({"Host": ""}, 400),
    ({"Host": "localhost.evil.example"}, 400),
    ({"Host": "LOCALHOST:9000", "Origin": "http://localhost:9000"}, 202),
    ({"Host": "[::1]:9000", "Origin": "http://[::1]:9000"}, 202),
)


async def test_foreign_pages_and_names_are_turned_away(tmp_path: Path, photo: bytes) -> None:
    """Only pages of our own and allowed origins may ask for a task, and only under a known name."""
    async with backend_in(tmp_path, allowed_origins=["https://shop.example.com"]) as backend:
        for headers, status_code in FROM_PAGES:
            answer = await backend.post(photo, key="same", by={**ANNA, **headers})
            assert (answer.status_code, headers) == (status_code, headers)


async def test_foreign_pages_may_not_listen(backend: Backend) -> None:
    """An event stream is refused to a foreign page, though it is a GET."""
    for path in ("/events", f"/tasks/{'a' * 22}/events"):
        assert (await backend.get(path, Origin="https://evil.example")).status_code == 403


async def test_allowed_origins_may_read_answers(tmp_path: Path) -> None:
    """A browser is told that pages of an allowed origin may read, before they ask and when they do; others are not."""
    origin = "https://shop.example.com"
    async with backend_in(tmp_path, allowed_origins=[origin]) as backend:
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        before = await backend.http.options(f"{MOUNT}/tasks", headers=asked)
        assert (before.status_code, before.headers["access-control-allow-origin"]) == (200, origin)
        answer = await backend.get("/tasks", Origin=origin)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)
        assert "access-control-allow-origin" not in (await backend.get("/tasks", Origin="https://evil.example")).headers


async def test_one_for_all_where_told(tmp_path: Path, photo: bytes) -> None:
    """With `allow_anonymous=True` whoever comes is one and the same principal."""
    async with backend_in(tmp_path, authenticate=None, allow_anonymous=True) as backend:
        task = (await backend.post(photo, by={})).json()
        assert (await backend.get(task["links"]["self"], by=BERT)).status_code == 200


async def test_principal_may_be_found_with_await(tmp_path: Path) -> None:
    """`authenticate` may be a coroutine function."""

    async def who(request: object) -> str | None:
        return "anna" if "x-who" in getattr(request, "headers") else None  # noqa: B009  typed as what users see

    async with backend_in(tmp_path, authenticate=who) as backend:
        assert (await backend.get("/tasks")).status_code == 200
        assert (await backend.get("/tasks", by={})).status_code == 401


async def test_every_answer_is_locked_down(backend: Backend) -> None:
    """Every answer forbids sniffing, framing and scripts; the page allows its own files alone."""
    for path in ("/", "/page.css", "/about", "/tasks", "/nothing"):
        headers = (await backend.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
    assert "script-src 'self'" in (await backend.get("/")).headers["content-security-policy"]
