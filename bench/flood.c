/* Sends datagrams at a rate, from one loopback address or from thousands of them; bench/flood.py compiles and runs it.

   flood HOST PORT register|garbage RATE SECONDS SOURCES

   Rule: each REGISTER has a branch, a Call-ID and a user of its own, each piece of garbage is other octets, so that nothing can be remembered.
   One socket sends for every source: IP_PKTINFO says from which address of 127/8 (ip(7)). Prints what went out and what the kernel refused. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64
#define ROOM 700

static uint64_t state = 88172645463325252ull;
static uint64_t any(void) { state ^= state << 13; state ^= state >> 7; state ^= state << 17; return state; }
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }

int main(int argc, char **argv) {
    if (argc != 7) { fprintf(stderr, "flood HOST PORT register|garbage RATE SECONDS SOURCES\n"); return 2; }
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
    inet_pton(AF_INET, argv[1], &to.sin_addr);
    int garbage = !strcmp(argv[3], "garbage");
    double rate = atof(argv[4]), seconds = atof(argv[5]);
    unsigned sources = atoi(argv[6]);
    int sock = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in any_address = {.sin_family = AF_INET};
    if (sock < 0 || bind(sock, (struct sockaddr *)&any_address, sizeof any_address)) { perror("flood"); return 1; }
    int small = 4096; /* what comes back is not read */
    setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    static char data[BATCH][ROOM], control[BATCH][CMSG_SPACE(sizeof(struct in_pktinfo))];
    static struct mmsghdr messages[BATCH];
    static struct iovec pieces[BATCH];
    uint64_t sent = 0, refused = 0, serial = 0;
    double begin = now(), at;
    while ((at = now() - begin) < seconds) {
        int64_t due = (int64_t)(rate * at) - (int64_t)(sent + refused);
        if (due <= 0) { struct timespec nap = {0, 500000}; nanosleep(&nap, NULL); continue; }
        int count = due > BATCH ? BATCH : (int)due;
        for (int i = 0; i < count; i++, serial++) {
            uint32_t source = sources <= 1 ? 0x7F000002u - !sources : 0x7F010000u + (uint32_t)(serial * 7919 % sources);
            int size;
            if (garbage) {
                size = 20 + any() % 400;
                for (int k = 0; k < size; k += 8) { uint64_t octets = any(); memcpy(data[i] + k, &octets, 8); }
            } else {
                struct in_addr where = {htonl(source)};
                char text[16];
                inet_ntop(AF_INET, &where, text, sizeof text);
                size = snprintf(data[i], ROOM,
                    "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s:5060;branch=z9hG4bK%llx;rport\r\nMax-Forwards: 70\r\n"
                    "From: <sip:u%llu@example.com>;tag=%llx\r\nTo: <sip:u%llu@example.com>\r\nCall-ID: %llx@flood\r\nCSeq: 1 REGISTER\r\n"
                    "Contact: <sip:u%llu@%s:5060>\r\nExpires: 3600\r\nUser-Agent: Phone 1.0\r\nContent-Length: 0\r\n\r\n",
                    text, (unsigned long long)any(), (unsigned long long)serial % 100000, (unsigned long long)any() & 0xffffff,
                    (unsigned long long)serial % 100000, (unsigned long long)any(), (unsigned long long)serial % 100000, text);
            }
            pieces[i] = (struct iovec){data[i], size};
            struct msghdr *head = &messages[i].msg_hdr;
            *head = (struct msghdr){.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &pieces[i], .msg_iovlen = 1,
                                    .msg_control = control[i], .msg_controllen = sizeof control[i]};
            struct cmsghdr *part = CMSG_FIRSTHDR(head);
            part->cmsg_level = IPPROTO_IP; part->cmsg_type = IP_PKTINFO; part->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
            struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(part);
            *info = (struct in_pktinfo){.ipi_spec_dst.s_addr = htonl(source)};
        }
        int done = sendmmsg(sock, messages, count, 0);
        if (done < 0) { refused += count; if (errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED) { perror("flood"); return 1; } }
        else { sent += done; refused += count - done; }
    }
    printf("%llu %llu\n", (unsigned long long)sent, (unsigned long long)refused);
    return 0;
}
