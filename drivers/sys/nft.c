/* nft.c - nf_tables by netlink. */
#include "drivers/sys/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

/* libmnl's own loops narrow a pointer difference to int; it is at most the length of a message. */
#pragma GCC diagnostic ignored "-Wconversion"

#define BUF_BYTES 65536
#define SEND_BYTES (8 << 20) /* a transaction is one message to the socket */

/* ---- messages ------------------------------------------------------------------------------------- */

/* Room for n bytes, zeroed and padded to 4; NULL when there is none. */
static uint8_t *room(struct nft_pen *p, size_t n)
{
	const size_t padded = (n + 3) & ~(size_t)3;
	uint8_t *at = p->v + p->n;

	if (p->full || p->max - p->n < padded) {
		p->full = true;
		return NULL;
	}
	memset(at, 0, padded);
	p->n += padded;
	return at;
}

static size_t begin(struct nft_pen *p, unsigned type, unsigned flags, unsigned family, uint16_t res)
{
	const size_t start = p->n;
	const struct nlmsghdr head = {.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
		.nlmsg_type = (uint16_t)type, .nlmsg_seq = ++p->seq};
	const struct nfgenmsg gen = {.nfgen_family = (uint8_t)family, .version = NFNETLINK_V0,
		.res_id = htons(res)};
	uint8_t *at = room(p, sizeof(head) + sizeof(gen));

	if (at) {
		memcpy(at, &head, sizeof(head));
		memcpy(at + sizeof(head), &gen, sizeof(gen));
	}
	return start;
}

size_t nft_begin(struct nft_pen *p, unsigned type, unsigned flags, unsigned family)
{
	return begin(p, NFNL_SUBSYS_NFTABLES << 8 | type, flags, family, 0);
}

void nft_end(struct nft_pen *p, size_t at)
{
	const uint32_t len = (uint32_t)(p->n - at);

	if (!p->full)
		memcpy(p->v + at + offsetof(struct nlmsghdr, nlmsg_len), &len, sizeof(len));
}

size_t nft_nest(struct nft_pen *p, unsigned type)
{
	const struct nlattr head = {.nla_type = (uint16_t)type};
	const size_t start = p->n;
	uint8_t *at = room(p, sizeof(head));

	if (at)
		memcpy(at, &head, sizeof(head));
	return start;
}

void nft_unnest(struct nft_pen *p, size_t at)
{
	const uint16_t len = (uint16_t)(p->n - at);

	if (p->n - at > UINT16_MAX)
		p->full = true;
	if (!p->full)
		memcpy(p->v + at + offsetof(struct nlattr, nla_len), &len, sizeof(len));
}

void nft_put(struct nft_pen *p, unsigned type, const void *v, size_t n)
{
	const struct nlattr head = {.nla_len = (uint16_t)(sizeof(head) + n), .nla_type = (uint16_t)type};
	uint8_t *at = room(p, sizeof(head) + n);

	if (!at)
		return;
	memcpy(at, &head, sizeof(head));
	memcpy(at + sizeof(head), v, n);
}

void nft_text(struct nft_pen *p, unsigned type, const char *text)
{
	nft_put(p, type, text, strlen(text) + 1);
}

void nft_number(struct nft_pen *p, unsigned type, uint32_t v)
{
	const uint32_t big = htonl(v);

	nft_put(p, type, &big, sizeof(big));
}

/* ---- the kernel ------------------------------------------------------------------------------------- */

int nft_open(struct nft *nl, struct err *e)
{
	const int bytes = SEND_BYTES;

	*nl = (struct nft){.sock = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC)};
	if (!nl->sock)
		return err_sys(e, errno, "cannot open a netlink socket for nf_tables");
	if (mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		err_sys(e, errno, "cannot bind a netlink socket");
		nft_close(nl);
		return -1;
	}
	/* Without CAP_NET_ADMIN this is refused, and so is everything else here. */
	(void)setsockopt(mnl_socket_get_fd(nl->sock), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	return 0;
}

void nft_close(struct nft *nl)
{
	if (nl->sock)
		mnl_socket_close(nl->sock);
	nl->sock = NULL;
}

static int send_all(struct nft *nl, const struct nft_pen *p)
{
	if (p->full)
		return ENOSPC;
	return mnl_socket_sendto(nl->sock, p->v, p->n) < 0 ? errno : 0;
}

struct question {
	int (*each)(const struct nlmsghdr *m, void *arg);
	void *arg;
};

static int answered(const struct nlmsghdr *m, void *arg)
{
	const struct question *q = arg;

	return q->each(m, q->arg) < 0 ? MNL_CB_ERROR : m->nlmsg_flags & NLM_F_MULTI ? MNL_CB_OK :
		MNL_CB_STOP;
}

int nft_ask(struct nft *nl, struct nft_pen *p, int (*each)(const struct nlmsghdr *m, void *arg),
	void *arg)
{
	struct question q = {each, arg};
	char buf[BUF_BYTES];
	int rc = send_all(nl, p);

	if (rc)
		return rc;
	for (rc = MNL_CB_OK; rc > MNL_CB_STOP;) {
		const ssize_t n = mnl_socket_recvfrom(nl->sock, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		/* What is left of an earlier, interrupted question is not ours. */
		if (((struct nlmsghdr *)buf)->nlmsg_seq != p->seq)
			continue;
		errno = EPROTO;
		rc = mnl_cb_run(buf, (size_t)n, p->seq, mnl_socket_get_portid(nl->sock), answered, &q);
	}
	return rc < 0 ? errno : 0;
}

static int got_generation(const struct nlmsghdr *m, void *arg)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, m, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(a) == NFTA_GEN_ID && mnl_attr_get_payload_len(a) == 4)
			*(uint32_t *)arg = ntohl(mnl_attr_get_u32(a));
	return 0;
}

int nft_generation(struct nft *nl, uint32_t *out)
{
	uint8_t buf[64];
	struct nft_pen p = {buf, 0, sizeof(buf), ++nl->seq, false};

	nft_end(&p, nft_begin(&p, NFT_MSG_GETGEN, 0, AF_UNSPEC));
	nl->seq = p.seq;
	return nft_ask(nl, &p, got_generation, out);
}

void nft_batch_begin(struct nft_pen *p, uint32_t generation)
{
	const size_t at = begin(p, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);

	nft_number(p, NFNL_BATCH_GENID, generation);
	nft_end(p, at);
}

/* The last real message asks for an answer: older kernels do not answer the end itself. */
void nft_batch_end(struct nft_pen *p)
{
	const size_t at = begin(p, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	struct nlmsghdr head, last = {0};
	size_t i = 0, last_at = 0;

	nft_end(p, at);
	for (; !p->full && i < at; i += (head.nlmsg_len + 3u) & ~3u) {
		memcpy(&head, p->v + i, sizeof(head));
		last = head;
		last_at = i;
	}
	last.nlmsg_flags |= NLM_F_ACK;
	if (!p->full)
		memcpy(p->v + last_at, &last, sizeof(last));
}

/* Answers come in order; the first refusal is the reason, the last message's answer the end. A refusal of
 * the transaction as a whole names its first message; what may follow it is read with the next one, and is
 * none of that one's. */
int nft_commit(struct nft *nl, struct nft_pen *p)
{
	const uint32_t begun = ((const struct nlmsghdr *)(const void *)p->v)->nlmsg_seq;
	const uint32_t last = p->seq - 1;
	char buf[BUF_BYTES];
	int first = send_all(nl, p);

	if (first)
		return first;
	for (;;) {
		const ssize_t n = mnl_socket_recvfrom(nl->sock, buf, sizeof(buf));
		const struct nlmsghdr *m = (void *)buf;
		int left = (int)n;

		if (n < 0 && errno != EINTR)
			return first ? first : errno;
		for (; n > 0 && mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
			const struct nlmsgerr *answer = mnl_nlmsg_get_payload(m);

			if (m->nlmsg_type != NLMSG_ERROR || m->nlmsg_seq - begun > last - begun)
				continue;
			if (!first)
				first = -answer->error;
			if (m->nlmsg_seq == last || m->nlmsg_seq == begun)
				return first;
		}
	}
}
