"""REST: the memory over HTTP, in the resident process.

`thread` starts and ends it, `serving` listens, `gate` asks who comes, `app` says what is served.
Everything but `thread` loads FastAPI, so nothing else imports it before the daemon serves.
"""
