// Command pod is what runs in the pods of tests: "pause" holds a pod's namespaces, "echo" answers with what it was
// asked, as the echo server of the official Ingress conformance suite does, and sends back the messages of WebSockets
// and unary gRPC calls. On SIGTERM it ends as applications do: no new connections, what is under way finishes.
package main

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
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
		server.RegisterOnShutdown(sockets.end)
		go func() {
			if err := server.ListenAndServe(); err != http.ErrServerClosed {
				log.Fatal(err)
			}
		}()
		<-signals
		limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		server.Shutdown(limit)
		sockets.wait(limit)
		return
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
	if strings.HasPrefix(request.Header.Get("Content-Type"), "application/grpc") {
		call(writer, request)
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

// call sends the message of a unary gRPC call back, with status 0 in a trailer; with 13 (internal) when it did not arrive
// over HTTP/2 from a client that takes trailers.
func call(writer http.ResponseWriter, request *http.Request) {
	message, err := io.ReadAll(request.Body)
	writer.Header().Set("Content-Type", "application/grpc")
	writer.Header().Set("Trailer", "Grpc-Status")
	writer.Write(message)
	http.NewResponseController(writer).Flush()
	status := "0"
	if err != nil || request.ProtoMajor != 2 || request.Header.Get("Te") != "trailers" {
		status = "13"
	}
	writer.Header().Set("Grpc-Status", status)
}

// openSockets are the WebSockets that are open: a server that shuts down does not know them.
type openSockets struct {
	mutex  sync.Mutex
	open   map[net.Conn]bool
	ending bool
	done   sync.WaitGroup
}

var sockets = openSockets{open: map[net.Conn]bool{}}

// add keeps one that begins with this answer.
func (sockets *openSockets) add(socket net.Conn, answer string) {
	sockets.mutex.Lock()
	defer sockets.mutex.Unlock()
	sockets.open[socket] = true
	sockets.done.Add(1)
	io.WriteString(socket, answer)
	if sockets.ending {
		goAway(socket)
	}
}

func (sockets *openSockets) remove(socket net.Conn) {
	sockets.mutex.Lock()
	defer sockets.mutex.Unlock()
	delete(sockets.open, socket)
	sockets.done.Done()
}

// end tells every client that the server goes away.
func (sockets *openSockets) end() {
	sockets.mutex.Lock()
	defer sockets.mutex.Unlock()
	sockets.ending = true
	for socket := range sockets.open {
		goAway(socket)
	}
}

// goAway sends a close frame with the code 1001 (going away); the client is to close.
func goAway(socket net.Conn) {
	socket.Write([]byte{0x88, 2, 1001 >> 8, 1001 & 0xff})
}

// wait returns when all are closed, or at the limit.
func (sockets *openSockets) wait(limit context.Context) {
	all := make(chan struct{})
	go func() { sockets.done.Wait(); close(all) }()
	select {
	case <-all:
	case <-limit.Done():
	}
}

// socket sends every short text back (RFC 6455; frames of up to 125 bytes, which clients mask).
func socket(writer http.ResponseWriter, request *http.Request) {
	connection, buffered, err := http.NewResponseController(writer).Hijack()
	if err != nil {
		return
	}
	defer connection.Close()
	key := sha1.Sum([]byte(request.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	sockets.add(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(key[:])+"\r\n\r\n")
	defer sockets.remove(connection)
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
