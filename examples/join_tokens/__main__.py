"""All three parts in one program: `python -m examples.join_tokens`.

In earnest each runs somewhere else: the authority's key lies with the login service alone, and the game server and the
players have its public key.
"""

import argparse
import asyncio
import threading
from collections.abc import Sequence

from werkzeug.serving import make_server

import gamesockets as gs
from examples.join_tokens.client import LoginFailed, greeting, log_in
from examples.join_tokens.login import hashed, make_app
from examples.join_tokens.server import SERVER, serve
from gamesockets import pki


async def demo(name: str, password: str) -> None:
    """A login, a game, a renewal, and somebody with a wrong password."""
    authority = pki.CertificateAuthority.create()
    login = make_server("127.0.0.1", 0, make_app(authority, {"ada": hashed("lovelace")}))
    thread = threading.Thread(target=login.serve_forever)
    thread.start()
    started: asyncio.Future[gs.Address] = asyncio.get_running_loop().create_future()
    server_key = pki.create_key()
    server = pki.Credentials.certified(authority.issue(server_key.public, SERVER, days=1), server_key)
    trust = authority.trust()  # both sides have only the public key
    nowhere = gs.Address("127.0.0.1", 0)
    game = asyncio.create_task(serve(server, trust, nowhere, lambda it: started.set_result(it.address)))
    try:
        url = f"http://127.0.0.1:{login.server_port}"
        key = pki.create_key()
        certificate = await asyncio.to_thread(log_in, url, name, password, key)
        print(f"logged in as {certificate.identity}, until {certificate.expires_s}")
        credentials = pki.Credentials.certified(certificate, key)
        print(await greeting(await started, credentials, trust))
        credentials.renew(await asyncio.to_thread(log_in, url, name, password, key))
        print(await greeting(await started, credentials, trust), "again, renewed")
        try:
            await asyncio.to_thread(log_in, url, name, "guess", pki.create_key())
        except LoginFailed as error:
            print(f"and with another password: {error}")
    finally:
        game.cancel()
        login.shutdown()
        thread.join()
        login.server_close()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m examples.join_tokens", description=__doc__)
    parser.add_argument("--name", default="ada", help="the player; only ada has an account")
    parser.add_argument("--password", default="lovelace", help="hers is lovelace")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(demo(options.name, options.password))
    except LoginFailed as error:
        raise SystemExit(f"login failed: {error}") from error


if __name__ == "__main__":
    main()
