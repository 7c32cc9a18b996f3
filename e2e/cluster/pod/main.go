// Command pod is what runs in the pods of tests: "pause" holds a pod's namespaces, "echo" answers with what it was
// asked, as the echo server of the official Ingress conformance suite does, and sends back the messages of WebSockets.
package main

import (
	"crypto/sha1"
	"encoding/base64"
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
	if request.Header.Get("Upgrade") == "websocket" {
		socket(writer, request)
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

// socket sends every short text back (RFC 6455; frames of up to 125 bytes, which clients mask).
func socket(writer http.ResponseWriter, request *http.Request) {
	connection, buffered, err := http.NewResponseController(writer).Hijack()
	if err != nil {
		return
	}
	defer connection.Close()
	key := sha1.Sum([]byte(request.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(key[:])+"\r\n\r\n")
	for {
		head := make([]byte, 6)
		if _, err := io.ReadFull(buffered, head); err != nil {
			return
		}
		text := make([]byte, head[1]&0x7f)
		if _, err := io.ReadFull(buffered, text); err != nil || len(text) > 125 {
			return
		}
		for index := range text {
			text[index] ^= head[2+index%4]
		}
		if _, err := connection.Write(append([]byte{head[0], byte(len(text))}, text...)); err != nil || head[0] == 0x88 {
			return
		}
	}
}
