/* signame.h - signals by name. PURE. */
#pragma once

/* Number of "SIGTERM", "TERM", "15", "SIGRTMIN+3" or "RTMAX-1"; 0 if there is no such signal. */
int signame_parse(const char *name);

/* The same for what a client of the agent may send: TERM KILL INT HUP QUIT USR1 USR2. */
int signame_allowed(const char *name);
