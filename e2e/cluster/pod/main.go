// Command pod is what runs in the pods of tests: "pause" holds a pod's namespaces, "echo" answers with what it was
// asked, as the echo server of the official Ingress conformance suite does.
package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	switch {
	case len(os.Args) > 1 && os.Args[1] == "pause":
	case len(os.Args) > 1 && os.Args[1] == "echo":
		port := os.Getenv("HTTP_PORT")
		if port == "" {
			port = "3000"
		}
		protocols := new(http.Protocols)
		protocols.SetHTTP1(true)
		protocols.SetUnencryptedHTTP2(true)
		server := &http.Server{Addr: ":" + port, Handler: http.HandlerFunc(echo), Protocols: protocols}
		go func() { log.Fatal(server.ListenAndServe()) }()
	default:
		log.Fatal("pause or echo?")
	}
	<-signals
}

func echo(writer http.ResponseWriter, request *http.Request) {
	if request.URL.Path == "/health" {
		return
	}
	// For tests of slow answers: ?wait=250ms.
	if wait, err := time.ParseDuration(request.URL.Query().Get("wait")); err == nil {
		time.Sleep(wait)
	}
	length, _ := io.Copy(io.Discard, request.Body)
	body, _ := json.MarshalIndent(map[string]any{
		"path":      request.RequestURI,
		"host":      request.Host,
		"method":    request.Method,
		"proto":     request.Proto,
		"headers":   request.Header,
		"length":    length,
		"client":    request.RemoteAddr,
		"namespace": os.Getenv("NAMESPACE"),
		"ingress":   os.Getenv("INGRESS_NAME"),
		"service":   os.Getenv("SERVICE_NAME"),
		"pod":       os.Getenv("POD_NAME"),
	}, "", " ")
	writer.Header().Set("Content-Type", "application/json")
	writer.Header().Set("Content-Length", strconv.Itoa(len(body)))
	writer.Write(body)
}
