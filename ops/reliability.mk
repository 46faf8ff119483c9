# The proofs that nothing is lost, doubled or reordered; ops/reliability.md says what each does and what came of
# it.  Sizes are variables: make kill-test KILLS=80 TRANSACTIONS=320
PROVE := $(BIN)/python tests/reliability
PROOFS := strace-test exactly-once-test kill-test poison-test partners-test pair-test tmpfs-test flip-test \
	rollover-test proxy-test windows-test stop-test wake-test recall-test overload-test
.PHONY: reliability $(PROOFS)

reliability: $(PROOFS) ## all long reliability runs

SUBMISSIONS ?= 2000
.PHONY: strace
strace: ## install Debian's strace where there is none
	@command -v strace >/dev/null || { apt-get update -qq && apt-get install -y -qq strace >/dev/null; }

strace-test: strace $(VENV)/.tools ## under strace: what is acknowledged was synchronised before
	CSENET_REQUIRE_STRACE=1 $(PROVE)/strace.py --submissions $(SUBMISSIONS)

KILLS ?= 500
TRANSACTIONS ?= 2000
kill-test: $(VENV)/.tools ## KILLS kill -9 while TRANSACTIONS are fed in by folder and HTTP
	$(PROVE)/kill.py --kills $(KILLS) --transactions $(TRANSACTIONS)

ONCE_KILLS ?= 100
ONCE_TRANSACTIONS ?= 10000
exactly-once-test: $(VENV)/.tools ## each transaction handed in 1 to 5 times while gateways are killed, on both stores
	$(PROVE)/kill.py --kills $(ONCE_KILLS) --transactions $(ONCE_TRANSACTIONS) --times 5
	CSENET_REQUIRE_POSTGRES=1 $(PROVE)/postgres_pair.py --kills $(ONCE_KILLS) \
		--transactions $(ONCE_TRANSACTIONS) --times 5

CASES ?= 5000
MESSAGES ?= 20
poison-test: $(VENV)/.tools ## CASES with MESSAGES each, some that cannot be handled: order, and the others undisturbed
	$(PROVE)/poison.py --cases $(CASES) --messages $(MESSAGES)

PAIR_KILLS ?= 20
PAIR_TRANSACTIONS ?= 1200
pair-test: $(VENV)/.tools ## two gateways on one PostgreSQL, one of them killed again and again under load
	CSENET_REQUIRE_POSTGRES=1 $(PROVE)/postgres_pair.py --kills $(PAIR_KILLS) --transactions $(PAIR_TRANSACTIONS)

EACH ?= 200
ROUNDS ?= 5
partners-test: $(VENV)/.tools ## 54 partners, one dead, one slow, one flapping: what the other 51 keep of their rate
	$(PROVE)/partners.py --each $(EACH) --rounds $(ROUNDS)

MEGABYTES ?= 64
tmpfs-test: $(VENV)/.tools ## fill the disk under a gateway; needs root, for a tmpfs of MEGABYTES
	$(PROVE)/tmpfs.py --megabytes $(MEGABYTES)

FLIPS ?= 10000
flip-test: $(VENV)/.tools ## FLIPS flipped bits in signed and sealed messages and receipts
	$(PROVE)/flips.py --flips $(FLIPS)

ROLLOVER_MESSAGES ?= 3000
rollover-test: $(VENV)/.tools ## change every certificate while 50 messages a second come in
	$(PROVE)/rollover.py --messages $(ROLLOVER_MESSAGES)

PROXY_TRANSACTIONS ?= 4000
proxy-test: $(VENV)/.tools ## deliver through a proxy that delays, cuts, refuses and lies
	$(PROVE)/proxy.py --transactions $(PROXY_TRANSACTIONS)

DAYS ?= 365
windows-test: $(VENV)/.tools ## the batch windows of a whole year of virtual time
	$(PROVE)/windows.py --days $(DAYS)

STOPS ?= 20
stop-test: $(VENV)/.tools ## STOPS times SIGTERM under load: no new work after a second, out within thirty
	$(PROVE)/stop.py --stops $(STOPS)

SLEEPS ?= 10
wake-test: $(VENV)/.tools ## one of two gateways is stopped, loses its leases, and wakes up
	CSENET_REQUIRE_POSTGRES=1 $(PROVE)/wake.py --stops $(SLEEPS)

RECALLS ?= 160
recall-test: $(VENV)/.tools ## kill who takes transactions back, at every step of it, on both stores
	CSENET_REQUIRE_POSTGRES=1 $(PROVE)/recall.py --kills $(RECALLS)

PRESSED ?= 30
overload-test: $(VENV)/.tools ## ten times the rate it takes, then ten times more callers than may be in hand
	$(PROVE)/overload.py --seconds $(PRESSED)
	$(PROVE)/overload.py --seconds $(PRESSED) --at-once 4 --size 1
