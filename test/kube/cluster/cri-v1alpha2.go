// `cri-v1alpha2 SOCKET RUNTIME` lets a kubelet before 1.23 use a runtime that has only `runtime.v1` of the Container
// Runtime Interface, as containerd 2. Both versions have the same messages, so only the path of a request changes.
package main

import (
	"context"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"strings"
)

func main() {
	socket, runtime := os.Args[1], os.Args[2]
	var plain http.Protocols
	plain.SetUnencryptedHTTP2(true)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(each *httputil.ProxyRequest) {
			each.Out.URL.Scheme, each.Out.URL.Host, each.Out.Host = "http", "localhost", "localhost"
			each.Out.URL.Path = strings.Replace(each.Out.URL.Path, "/runtime.v1alpha2.", "/runtime.v1.", 1)
		},
		Transport: &http.Transport{
			Protocols: &plain,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", runtime)
			},
		},
		// Streams.
		FlushInterval: -1,
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal((&http.Server{Protocols: &plain, Handler: proxy}).Serve(listener))
}
