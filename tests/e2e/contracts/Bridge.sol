// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

interface IToken {
    function transfer(address to, uint256 value) external returns (bool);
    function transferFrom(address from, address to, uint256 value) external returns (bool);
    function balanceOf(address owner) external view returns (uint256);
}

// Keeps deposits and pays whoever asks: the validators' keys are taken as stolen.
contract Bridge {
    // The topic of a wrapper's event. This contract wraps nothing, so it must give no row.
    event Withdrawal(address indexed src, uint256 wad);

    receive() external payable {}

    // Called with value zero: the ETH moves in an internal transfer only.
    function withdraw(address payable to, uint256 amount) external {
        (bool ok, ) = to.call{value: amount}("");
        require(ok);
        emit Withdrawal(to, amount);
    }

    function withdrawToken(address token, address to, uint256 amount) external {
        require(IToken(token).transfer(to, amount));
    }
}

// Takes a fixed sum, pays it later to any address.
contract Mixer {
    uint256 public immutable denomination;

    constructor(uint256 sum) {
        denomination = sum;
    }

    function deposit() external payable {
        require(msg.value == denomination);
    }

    function depositToken(address token, uint256 amount) external {
        require(IToken(token).transferFrom(msg.sender, address(this), amount));
    }

    function withdraw(address payable to) external {
        (bool ok, ) = to.call{value: denomination}("");
        require(ok);
    }

    function withdrawToken(address token, address to, uint256 amount) external {
        require(IToken(token).transfer(to, amount));
    }
}

// A deposit address of an exchange that is a contract: a call sweeps it into the hot wallet.
contract Forwarder {
    address payable public immutable hot;

    constructor(address payable wallet) {
        hot = wallet;
    }

    receive() external payable {}

    function sweep() external {
        (bool ok, ) = hot.call{value: address(this).balance}("");
        require(ok);
    }

    function sweepToken(address token) external {
        require(IToken(token).transfer(hot, IToken(token).balanceOf(address(this))));
    }
}
